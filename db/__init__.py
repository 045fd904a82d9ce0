"""PostgreSQL: the schema, and one module per noun with its reads beside its writes."""
