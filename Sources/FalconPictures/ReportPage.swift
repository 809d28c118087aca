/// The frame of a report: one HTML file that needs no server, no network and no script, on light or dark ground.
package enum ReportPage {
    /// - Parameters:
    ///   - title: any text.
    ///   - body: markup, whatever text is in it escaped.
    ///   - style: rules of the report's own.
    package static func html(title: String, body: String, style: String = "") -> String {
        """
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
        <title>\(Markup.escaped(title))</title>
        <style>
        :root{color-scheme:light dark;--ground:#fff;--ink:#262a30;--faint:#6b727c;--panel:#f4f6f8;--rule:#dfe3e8}
        @media (prefers-color-scheme:dark){
        :root{--ground:#14171b;--ink:#e4e7eb;--faint:#98a1ac;--panel:#1d2126;--rule:#353b43}}
        body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;
        color:var(--ink);background:var(--ground)}
        h1{font-size:1.6rem}h2{font-size:1.15rem;margin:2rem 0 .5rem}h3{font-size:1rem;margin:.5rem 0}
        .grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(22rem,1fr));gap:1rem}
        svg{width:100%;height:auto}section svg{background:var(--panel);border-radius:.5rem}
        pre,.text{background:var(--panel);padding:1rem;border-radius:.5rem;overflow:auto;white-space:pre-wrap;
        overflow-wrap:anywhere}
        table{border-collapse:collapse;font-variant-numeric:tabular-nums}
        td,th{padding:.25rem .7rem;border-bottom:1px solid var(--rule);text-align:left;vertical-align:top}
        .scroll{overflow-x:auto}.faint{color:var(--faint)}code{overflow-wrap:anywhere}
        \(Picture.styleSheet)
        \(style)
        </style></head><body>
        <h1>\(Markup.escaped(title))</h1>
        \(body)
        </body></html>

        """
    }
}
