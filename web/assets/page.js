// The one script of every page: soft links, ticking ages, no refresh in a hidden tab, the way out, and roles that
// Streamlit's phone menu lacks. It runs before Streamlit loads, because it wraps its timers and connections.
(() => {
  // A hidden tab asks nothing; when it is seen again, what was left out happens at once.
  const LONG = 2000;
  const timers = new Map();
  const plainSet = window.setInterval.bind(window);
  const plainClear = window.clearInterval.bind(window);
  window.setInterval = (run, wait, ...rest) => {
    if (typeof run !== "function" || !(wait >= LONG)) return plainSet(run, wait, ...rest);
    const timer = { missed: false, run: () => run(...rest) };
    const id = plainSet(() => (document.hidden ? (timer.missed = true) : timer.run()), wait);
    timers.set(id, timer);
    return id;
  };
  window.clearInterval = (id) => {
    timers.delete(id);
    plainClear(id);
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    for (const timer of [...timers.values()].filter((each) => each.missed)) {
      timer.missed = false;
      timer.run();
    }
  });

  // Who is signed out, or may do something else now, has the connection closed with this code. The server then
  // answers with the page to sign in, or with the page as it is for that role.
  const CLOSED = 4401;
  const PlainSocket = window.WebSocket;
  window.WebSocket = class extends PlainSocket {
    constructor(...asked) {
      super(...asked);
      this.addEventListener("close", (event) => {
        if (event.code === CLOSED) location.reload();
      });
    }
  };
  const signOut = async () => {
    try {
      await fetch(new URL("sign-out", document.baseURI), { method: "POST", headers: { "x-cdn-page": "1" } });
    } finally {
      location.assign(new URL("sign-in?out=1", document.baseURI));
    }
  };

  // Links inside the program change the page without a reload, and Back returns with its filters.
  addEventListener("click", (event) => {
    const link = event.target.closest?.(".stHtml a[href]");
    if (!link || event.defaultPrevented || event.button) return;
    if ("signOut" in link.dataset) {
      event.preventDefault();
      signOut();
      return;
    }
    if ("leave" in link.dataset) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const to = new URL(link.getAttribute("href"), document.baseURI);
    if (to.origin !== location.origin) return;
    event.preventDefault();
    // How often to refresh is one answer for all pages: it goes along, or Back would come home without it.
    const here = new URLSearchParams(location.search);
    for (const name of ["refresh"]) {
      if (here.has(name) && !to.searchParams.has(name)) to.searchParams.set(name, here.get(name));
    }
    if (to.href === location.href) return;
    history.pushState({}, "", to);
    dispatchEvent(new PopStateEvent("popstate"));
    if (to.pathname !== location.pathname) scrollTo(0, 0);
  });

  // Ages by the server's clock, whatever this machine believes the time is.
  let ahead = 0;
  let told = null;
  const words = (seconds) => {
    const whole = Math.max(0, Math.floor(seconds));
    if (whole < 90) return `${whole} s`;
    if (whole < 5400) return `${Math.floor(whole / 60)} min`;
    if (whole < 172800) {
      const minutes = Math.floor(whole / 60);
      const hours = Math.floor(minutes / 60);
      return minutes % 60 && hours < 10 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
    }
    return `${Math.floor(whole / 86400).toLocaleString("en")} days`;
  };
  const write = (node, text) => {
    if (node.textContent !== text) node.textContent = text;
  };
  const two = (number) => String(number).padStart(2, "0");
  const tick = () => {
    const clock = document.querySelector("[data-now]");
    if (clock && clock !== told) {
      told = clock;
      ahead = Date.now() / 1000 - Number(clock.dataset.now);
    }
    const now = Date.now() / 1000 - ahead;
    for (const node of document.querySelectorAll("[data-since]")) write(node, words(now - Number(node.dataset.since)));
    const time = new Date(now * 1000);
    for (const node of document.querySelectorAll("[data-clock]")) {
      write(node, `${two(time.getHours())}:${two(time.getMinutes())}`);
    }
  };
  // Streamlit's list of pages on a phone is ul > div > li; where a file may be dropped is no decoration.
  const roles = () => {
    for (const list of document.querySelectorAll("ul:has(> div > li):not([role])")) list.setAttribute("role", "group");
    for (const item of document.querySelectorAll("ul[role=group] li:not([role])")) item.setAttribute("role", "none");
    for (const zone of document.querySelectorAll("[data-testid=stFileUploaderDropzone][role=presentation]")) {
      zone.removeAttribute("role");
    }
  };
  plainSet(() => {
    if (document.hidden) return;
    tick();
    roles();
  }, 1000);
})();
