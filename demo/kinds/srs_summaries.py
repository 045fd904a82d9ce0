"""`/api/v1/summaries` of SRS: process, machine and the counters of its clients."""

from __future__ import annotations

import math

from demo.machine import Machine
from demo.process import SAMPLE, SrsProcess

PROCESSORS = 8
MEMORY_KBYTE = 32_768_000
# Network counters of the machine are read every third sample.
NET_EVERY = 3
# One core moves about this much before it is saturated.
CORE_BITS = 10_000_000_000


def summaries(machine: Machine, process: SrsProcess, now: float) -> str:
    """The payload after the envelope. Percentages are fractions; `ilde_time` is spelled as SRS spells it."""
    if machine.effect.stats_off:
        return _off(machine, process, now)
    shift = machine.effect.clock_shift
    sampled = int((process.counted_at + shift) * 1_000)
    samples = int((process.counted_at - process.started) // SAMPLE)
    net_sampled = sampled - int(samples % NET_EVERY * SAMPLE * 1_000)
    load = min(1.0, process.egress / CORE_BITS)
    cpu = min(1.0, 0.01 + 0.95 * load)
    system_cpu = cpu * 1.5 / PROCESSORS + 0.02
    wave = 0.1 * math.sin(now / 90)
    uptime = now - shift - machine.booted
    connections = process.viewers + sum(stream.clients - stream.viewers for stream in process.listed)
    used = 0.08 + process.memory_peak / MEMORY_KBYTE
    return (
        f'"data":{{"ok":true,"now_ms":{int(now * 1_000)},{_self(machine, process)}'
        f'"mem_kbyte":{process.memory_peak},"mem_percent":{process.memory_peak / MEMORY_KBYTE:.2f},'
        f'"cpu_percent":{cpu:.2f},"srs_uptime":{int(now - shift - process.started)}}},'
        f'"system":{{"cpu_percent":{system_cpu:.2f},"disk_read_KBps":{int(3 + 2 * wave)},'
        f'"disk_write_KBps":{int(180 + 900 * abs(wave))},"disk_busy_percent":{0.02 + wave / 10:.2f},'
        f'"mem_ram_kbyte":{MEMORY_KBYTE},"mem_ram_percent":{used:.2f},"mem_swap_kbyte":0,"mem_swap_percent":0.00,'
        f'"cpus":{PROCESSORS},"cpus_online":{PROCESSORS},"uptime":{uptime:.2f},'
        f'"ilde_time":{uptime * PROCESSORS * (1 - system_cpu):.2f},"load_1m":{0.2 + 3 * cpu + wave:.2f},'
        f'"load_5m":{0.2 + 2.9 * cpu + wave / 2:.2f},"load_15m":{0.2 + 2.8 * cpu:.2f},'
        f'"net_sample_time":{net_sampled},"net_recv_bytes":0,"net_send_bytes":0,'
        f'"net_recvi_bytes":{_nic(machine, process.counted.received)},'
        f'"net_sendi_bytes":{_nic(machine, process.counted.sent)},"srs_sample_time":{sampled},'
        f'"srs_recv_bytes":{process.counted.received},"srs_send_bytes":{process.counted.sent},'
        f'"conn_sys":{connections + 44},"conn_sys_et":{connections + 12},"conn_sys_tw":{min(900, connections // 9)},'
        f'"conn_sys_udp":0,"conn_srs":{connections}}}}}}}'
    )


def _self(machine: Machine, process: SrsProcess) -> str:
    return (
        f'"self":{{"version":"{machine.server.release}","pid":{process.pid},"ppid":{process.pid - 2},'
        f'"argv":"/usr/local/srs/objs/srs -c /usr/local/srs/conf/{machine.server.role}.conf","cwd":"/usr/local/srs",'
    )


def _nic(machine: Machine, service_bytes: int) -> int:
    """What the machine's card counted: headers on top, and everything since the machine, not the process, began."""
    return machine.bytes_before + service_bytes + service_bytes // 25 + int(machine.booted) // 3


def _off(machine: Machine, process: SrsProcess, now: float) -> str:
    """With `stats { enabled off; }` the samplers never ran: nothing is counted and the uptime is the clock."""
    return (
        f'"data":{{"ok":false,"now_ms":{int(now * 1_000)},{_self(machine, process)}'
        f'"mem_kbyte":0,"mem_percent":0.00,"cpu_percent":0.02,"srs_uptime":{int(now)}}},'
        '"system":{"cpu_percent":0.06,"disk_read_KBps":0,"disk_write_KBps":0,"disk_busy_percent":0.00,'
        '"mem_ram_kbyte":0,"mem_ram_percent":0.00,"mem_swap_kbyte":0,"mem_swap_percent":0.00,'
        f'"cpus":{PROCESSORS},"cpus_online":{PROCESSORS},"uptime":0.00,"ilde_time":0.00,"load_1m":0.00,'
        '"load_5m":0.00,"load_15m":0.00,"net_sample_time":0,"net_recv_bytes":0,"net_send_bytes":0,'
        '"net_recvi_bytes":0,"net_sendi_bytes":0,"srs_sample_time":0,"srs_recv_bytes":0,"srs_send_bytes":0,'
        '"conn_sys":0,"conn_sys_et":0,"conn_sys_tw":0,"conn_sys_udp":0,"conn_srs":0}}}'
    )
