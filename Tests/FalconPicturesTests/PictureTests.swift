import FalconPictures
import Foundation
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

@Suite struct PictureTests {
    private static let hostile = "</svg><script>alert('1')</script> & \"é\" \u{202e}\u{0}\u{1b}[31m 😀"

    private static func isWellFormed(_ markup: String) -> Bool { XMLParser(data: Data(markup.utf8)).parse() }

    private static let bars = (0..<40).map { BarChart.Bar("\($0) \(hostile)", Double($0), label: hostile) }

    private static let pictures: [Picture] =
        [
            BarChart.upright(hostile, bars, axis: hostile), BarChart.upright("empty", [], axis: "none"),
            BarChart.upright("zero", [BarChart.Bar("a", 0, label: "0")], axis: "x"),
            BarChart.upright("not a number", [BarChart.Bar("a", .nan, label: "–")], axis: "x", full: 1),
            BarChart.lying(hostile, bars), BarChart.lying("empty", []), BarChart.parts(hostile, bars),
            BarChart.parts("zero", [BarChart.Bar("a", 0, label: "0")]),
        ]
        + [
            LaneChart.picture(
                hostile,
                [
                    LaneChart.Lane(
                        name: hostile,
                        bars: [
                            LaneChart.Bar(kind: 0, label: hostile, start: 0, end: 3),
                            LaneChart.Bar(kind: 7, label: "", start: 3, end: 3),
                            LaneChart.Bar(kind: 1, label: "", start: .nan, end: .infinity),
                        ]), LaneChart.Lane(name: "", bars: []),
                ], kinds: [hostile, "b"], axis: hostile),
            LaneChart.picture("empty", [LaneChart.Lane(name: "a", bars: [])], kinds: [], axis: "s"),
        ].compactMap { $0 }

    @Test func `Text of any kind stays text`() {
        #expect(
            Markup.escaped("<a href=\"x\" id='y'>&</a>") == "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;&lt;/a&gt;"
        )
        #expect(Markup.escaped("é 😀\n\t") == "é 😀\n\t")
        #expect(Markup.escaped("a\u{0}\u{1b}\u{202e}\r\n") == "a\u{fffd}\u{fffd}\u{fffd}\u{fffd}\n")
        #expect(Markup.number(.infinity) == "–" && Markup.number(0.25, digits: 2) == "0.25")
    }

    @Test func `Pictures are whole SVG, inside a page and as files`() {
        for picture in Self.pictures {
            #expect(Self.isWellFormed(picture.inline) && Self.isWellFormed(picture.file), "\(picture.title)")
            #expect(picture.file.contains("http://www.w3.org/2000/svg"))
            for text in [picture.inline, picture.file] { #expect(!text.contains("<script") && !text.contains("nan")) }
        }
    }

    @Test func `A bar is as high as its share`() throws {
        let chart = BarChart.upright(
            "shares", [BarChart.Bar("1", 0.5, label: "50"), BarChart.Bar("2", 0.25, label: "25")], axis: "depth",
            full: 1)
        let heights = chart.inline.components(separatedBy: "<rect ").dropFirst().compactMap { part in
            part.components(separatedBy: "height=\"").dropFirst().first?.split(separator: "\"").first.flatMap {
                Double($0)
            }
        }
        #expect(heights == [99, 49.5])
    }

    @Test func `Curves over one point, none, and many names are drawn`() throws {
        #expect(CurvePlot.picture("none", []) == nil)
        let one = try #require(
            CurvePlot.picture("one", [CurvePlot.Curve(name: "a", points: [(x: 1, y: 2)])], axis: "depth"))
        #expect(
            one.inline.contains("<circle") && one.inline.contains(">depth</text>") && one.inline.contains(">1</text>"))
        let many = (0..<12).map {
            CurvePlot.Curve(name: "category \($0)", points: [(x: 1, y: 0), (x: 2, y: Double($0))])
        }
        let picture = try #require(CurvePlot.picture("many", many))
        #expect(Self.isWellFormed(picture.inline))
        // As many as there are colours, and it says so.
        #expect(picture.inline.components(separatedBy: "<polyline").count == 9)
        #expect(picture.inline.contains("8 of 12 are shown"))
        #expect(picture.inline.contains(">category 0<") && picture.inline.contains(">category 11<"))
        for number in 0..<8 {
            #expect(picture.inline.components(separatedBy: "class=\"series\(number) curve").count == 2)
        }
    }

    @Test func `A page carries its title as text and nothing from elsewhere`() {
        let page = ReportPage.html(title: Self.hostile, body: "<p>x</p>")
        #expect(!page.contains("<script") && !page.contains("http") && page.contains("&lt;script&gt;"))
        #expect(page.contains("prefers-color-scheme"))
    }
}
