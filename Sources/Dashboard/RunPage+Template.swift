extension RunPage {
    static let pageTemplate = """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>Shoal: {{name}}</title>
        <style>{{{style}}}</style>
        </head>
        <body>
        <header>
        <p class="kicker">Shoal · {{method}}</p>
        <h1>{{name}}</h1>
        <p class="subject">{{base}}</p>
        </header>
        <main id="content">{{{content}}}</main>
        <footer><p><a href="api/run">JSON</a> · <a href="metrics">Prometheus</a> · <span id="state">up to date every two seconds</span></p></footer>
        <script>{{{script}}}</script>
        </body>
        </html>

        """

    static let contentTemplate = """
        {{#status}}<div class="progress" role="progressbar" aria-valuemin="0" aria-valuemax="100" aria-valuenow="{{share}}" aria-label="steps done"><div style="width:{{share}}%"></div></div>
        <p class="phase">{{phase}}</p>{{/status}}
        <dl class="facts">{{#facts}}<div><dt>{{name}}</dt><dd>{{value}}</dd></div>{{/facts}}</dl>
        <div class="charts">{{#charts}}<figure><figcaption>{{title}}</figcaption>{{{svg}}}</figure>{{/charts}}</div>
        {{#hasMembers}}<h2>Workers</h2>
        <div class="wide"><table class="members">
        <thead><tr><th scope="col">worker</th><th scope="col">host</th><th scope="col">process</th><th scope="col">threads</th><th scope="col">state</th><th scope="col">for</th><th scope="col">micro-batches/s</th><th scope="col"></th></tr></thead>
        <tbody>{{#members}}<tr><th scope="row" data-name="worker">{{id}}</th><td class="host">{{host}}</td><td data-name="process">{{process}}</td><td data-name="threads">{{threads}}</td><td class="is"><span class="state {{state}}">{{state}}</span></td><td data-name="for">{{since}}</td><td data-name="micro-batches/s">{{rate}}</td><td class="words">{{remark}}</td></tr>
        {{/members}}</tbody>
        </table></div>{{/hasMembers}}
        <h2>What just happened</h2>
        <div class="wide"><table class="events"><tbody>{{#events}}<tr><th scope="row">{{time}}</th><td class="event">{{event}}</td><td>{{step}}</td><td class="words">{{details}}</td></tr>
        {{/events}}</tbody></table></div>
        """

    static let css = """

        main { padding-bottom: 20px; }
        footer { max-width: 1080px; margin: 0 auto; padding: 0 20px 40px; color: var(--soft); font-size: 0.85rem; }
        footer a { color: var(--s0); }
        .progress { height: 8px; border-radius: 4px; background: var(--rule); margin: 20px 0 4px; overflow: hidden; }
        .progress div { height: 100%; background: var(--s0); }
        .phase { margin: 0 0 12px; color: var(--soft); }
        .facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 10px; margin: 12px 0 20px; }
        .facts div { background: var(--band); border-radius: 8px; padding: 10px 14px; }
        .facts dt { color: var(--soft); font-size: 0.8rem; }
        .facts dd { margin: 0; font-size: 1.2rem; font-weight: 600; font-variant-numeric: tabular-nums; }
        td.words { text-align: left; white-space: normal; overflow-wrap: anywhere; }
        .members thead th:nth-child(-n+2), td.host, td.event { text-align: left; }
        .state { border: 1px solid currentColor; border-radius: 10px; padding: 1px 9px; }
        .state.active { color: var(--s2); } .state.slow, .state.silent { color: var(--s4); } .state.lost { color: var(--s1); }
        .state.building, .state.waiting, .state.loading, .state.fetching { color: var(--s0); }
        /* On a phone a row is a block: its short cells side by side, its words below. */
        @media (max-width: 700px) {
          .members, .members tbody, .events, .events tbody { display: block; }
          .members thead { display: none; }
          .members tr, .events tr { display: flex; flex-wrap: wrap; align-items: baseline; gap: 2px 14px; padding: 8px 10px; border-bottom: 1px solid var(--rule); }
          .members :is(th, td), .events :is(th, td) { padding: 0; border: 0; text-align: left; }
          .members :is(th, td):empty, .events td:empty { display: none; }
          .members [data-name]:not(:empty)::before { content: attr(data-name) " "; color: var(--soft); font-weight: 400; }
          .members td.host { flex: 1; white-space: normal; overflow-wrap: anywhere; font-weight: 600; }
          .events td.event { flex: 1; }
          td.words { flex-basis: 100%; }
        }
        """

    /// Asks for the content anew; says so when nobody answers any more.
    static let script = """
        setInterval(async () => {
          const state = document.getElementById("state");
          try {
            const answer = await fetch("content", {cache: "no-store"});
            if (!answer.ok) throw new Error(answer.status);
            document.getElementById("content").innerHTML = await answer.text();
            state.textContent = "up to date every two seconds";
          } catch { state.textContent = "no answer since " + new Date().toLocaleTimeString() + "; has the run ended?"; }
        }, 2000);
        """
}
