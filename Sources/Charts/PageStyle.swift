/// How Shoal's pages look; a page brings it along, so that it needs nothing from elsewhere.
public enum PageStyle {
    /// Light, dark, narrow and printed.
    public static let css = """
        :root { --ink: #1c2530; --soft: #5b6876; --paper: #ffffff; --band: #f3f6f9; --rule: #d5dde5;
          --s0: #1f5fae; --s1: #b8430a; --s2: #157347; --s3: #7a3ec2; --s4: #8a6100; --s5: #0b7285; --s6: #b0246a; --s7: #4b5563; }
        @media (prefers-color-scheme: dark) { :root { --ink: #e6ebf0; --soft: #9aa8b6; --paper: #12171d; --band: #1a222b; --rule: #33404d;
          --s0: #7fb4f5; --s1: #f5a06a; --s2: #6fd19b; --s3: #bda0fa; --s4: #e3c05a; --s5: #63d2e0; --s6: #f291bd; --s7: #b9c2cc; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; }
        header, main { max-width: 1080px; margin: 0 auto; padding: 0 20px; }
        header { padding-top: 40px; }
        .kicker { margin: 0; color: var(--soft); font-size: 0.85rem; letter-spacing: 0.04em; }
        h1 { margin: 4px 0 8px; font-size: 2rem; line-height: 1.2; }
        h2 { margin: 40px 0 8px; font-size: 1.25rem; }
        .subject { margin: 0; color: var(--soft); overflow-wrap: anywhere; }
        .finding { font-size: 1.1rem; max-width: 60em; border-left: 4px solid var(--s0); padding-left: 14px; }
        .wide { overflow-x: auto; margin: 12px 0; }
        table { border-collapse: collapse; font-size: 0.88rem; font-variant-numeric: tabular-nums; min-width: 100%; }
        th, td { padding: 6px 10px; text-align: right; border-bottom: 1px solid var(--rule); white-space: nowrap; }
        thead th { color: var(--soft); font-weight: 600; vertical-align: bottom; white-space: normal; }
        tbody th { text-align: left; }
        tbody tr:nth-child(odd) { background: var(--band); }
        .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 20px; }
        figure { margin: 8px 0; }
        figcaption { font-weight: 600; font-size: 0.95rem; }
        svg { width: 100%; height: auto; display: block; font: 12px system-ui, "DejaVu Sans", sans-serif; }
        svg .grid { stroke: var(--rule); stroke-width: 1; }
        svg .axis, svg .mark { stroke: var(--soft); stroke-width: 1; }
        svg .tick { fill: var(--soft); }
        svg .label { fill: var(--ink); }
        svg .line { fill: none; stroke-width: 2.2; stroke-linejoin: round; }
        svg .name { font-weight: 600; }
        @media print { :root { --ink: #000; --soft: #444; --paper: #fff; --band: #fff; --rule: #999;
          --s0: #1f5fae; --s1: #b8430a; --s2: #157347; --s3: #7a3ec2; --s4: #8a6100; --s5: #0b7285; --s6: #b0246a; --s7: #4b5563; }
          figure, tr { break-inside: avoid; } h2, h3, figcaption { break-after: avoid; }
          body { font-size: 10pt; } header, main { max-width: none; padding: 0; }
          table { font-size: 7.5pt; } th, td { padding: 3px 5px; } .wide { overflow: visible; }
          .charts { grid-template-columns: 1fr 1fr; } figcaption { font-size: 9pt; } }
        """
        + (0..<8).map { number in
            "svg .s\(number).line { stroke: var(--s\(number)); } svg .s\(number).point, svg .s\(number).name { fill: var(--s\(number)); }\n"
        }.joined()
}
