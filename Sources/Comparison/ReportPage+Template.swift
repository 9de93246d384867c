extension ReportPage {
    /// The page, in Mustache.
    static let template = """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>Shoal: {{title}}</title>
        <style>{{{style}}}</style>
        </head>
        <body>
        <header>
        <p class="kicker">Shoal comparison · {{date}}</p>
        <h1>{{title}}</h1>
        <p class="subject">{{base}}<br>on {{train}}, {{steps}} steps of {{batch}} examples</p>
        </header>
        <main>
        <section>
        {{#summary}}<p class="finding">{{.}}</p>
        {{/summary}}
        {{#hasFailures}}<h2>Not measured</h2><ul>{{#failures}}<li><strong>{{name}}</strong>: {{reason}}</li>{{/failures}}</ul>{{/hasFailures}}
        </section>
        <section>
        <h2>What each costs</h2>
        {{#cost}}{{> table}}{{/cost}}
        </section>
        <section>
        <h2>What each is worth</h2>
        <p>Each at its best learning rate, on rows that were not trained on.{{#hasEdge}} Where the best rate is at the edge of those tried, a better one may lie beyond.{{/hasEdge}}</p>
        {{#quality}}{{> table}}{{/quality}}
        <div class="charts">{{#tradeoffs}}<figure><figcaption>{{title}}</figcaption>{{{svg}}}</figure>{{/tradeoffs}}</div>
        </section>
        <section>
        <h2>How each learns</h2>
        <p>Training loss at the best learning rate, each point the mean of a fifteenth of the run.</p>
        <div class="charts">{{#curves}}<figure><figcaption>{{title}}</figcaption>{{{svg}}}</figure>{{/curves}}</div>
        </section>
        {{#links}}<section>
        <h2>On links of limited rate, measured</h2>
        <p><em>Of unlimited</em>: the step without a limit ÷ the step on this link. <em>Computed</em>: compute and the rest as measured without a limit, and what the wire takes by arithmetic.</p>
        {{> table}}
        </section>{{/links}}
        <section class="computed">
        <h2>On other clusters, computed</h2>
        <p>Tokens a second, <strong>not measured</strong>: arithmetic from the measured times, for machines like this one.</p>
        <div class="charts">{{#scaling}}<figure><figcaption>{{title}}</figcaption>{{{svg}}}</figure>{{/scaling}}</div>
        {{#computed}}{{> table}}{{/computed}}
        </section>
        <section>
        <h2>Learning rates tried</h2>
        {{#rates}}{{> table}}{{/rates}}
        </section>
        <section>
        <h2>How it was measured</h2>
        <ul>{{#how}}<li>{{.}}</li>{{/how}}</ul>
        <p>{{shoal}}. The figures are in report.json beside this page.</p>
        </section>
        </main>
        </body>
        </html>

        """

    /// A table whose first column names the rows.
    static let table = """
        <div class="wide"><table>
        <thead><tr>{{#head}}<th scope="col">{{.}}</th>{{/head}}</tr></thead>
        <tbody>{{#rows}}<tr><th scope="row">{{name}}</th>{{#cells}}<td>{{.}}</td>{{/cells}}</tr>
        {{/rows}}</tbody>
        </table></div>
        """
}
