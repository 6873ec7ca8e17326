/// The style and the script of the page, served from our own port.
enum ConsoleAssets {
    static let style = """
        :root { color-scheme: light dark; --ink: #1c2430; --dim: #5c6675; --line: #dfe4ea; --paper: #f6f7f9;
          --card: #ffffff; --good: #14734a; --bad: #b3261e; }
        @media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --dim: #9aa4b2; --line: #2c3440; --paper: #12161c;
          --card: #1a2028; --good: #58c795; --bad: #ff8a80; } }
        * { box-sizing: border-box; }
        body { margin: 0 auto; max-width: 64rem; padding: 1rem; background: var(--paper); color: var(--ink);
          font: 16px/1.5 system-ui, sans-serif; }
        header { display: flex; align-items: baseline; justify-content: space-between; gap: 1rem; }
        h1 { font-size: 1.5rem; margin: .5rem 0; } h2 { font-size: 1.1rem; margin: 0 0 .5rem; }
        h3 { font-size: 1rem; margin: 1rem 0 0; } small, footer, .empty { color: var(--dim); }
        section { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: 1rem;
          margin: 0 0 1rem; }
        .wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
        th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); }
        th { color: var(--dim); font-weight: 600; font-size: .85rem; } tbody tr:last-child td { border-bottom: 0; }
        .number { text-align: right; font-variant-numeric: tabular-nums; } code { overflow-wrap: anywhere; }
        .good { color: var(--good); } .bad { color: var(--bad); font-weight: 600; } #state { font-weight: 600; }
        meter { width: 6rem; vertical-align: middle; } footer { font-size: .85rem; } a { color: inherit; }

        """

    /// Fetches the page again and swaps what changed. When the server does not answer, it says so.
    static let script = """
        "use strict";
        async function refresh() {
          const state = document.getElementById("state");
          try {
            const answer = await fetch("/-/", { cache: "no-store" });
            const page = new DOMParser().parseFromString(await answer.text(), "text/html");
            for (const id of ["content", "state"]) {
              document.getElementById(id).replaceWith(document.importNode(page.getElementById(id), true));
            }
          } catch {
            state.textContent = "The server does not answer";
            state.className = "bad";
          }
          setTimeout(refresh, document.hidden ? 10000 : 2000);
        }
        setTimeout(refresh, 2000);

        """
}
