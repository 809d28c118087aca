/// A drawing in SVG: shapes whose colours come from a style sheet, so that it reads on light and on dark ground.
///
/// One picture has two forms: `inline` stands in a page that carries `Picture.styleSheet`, `file` stands alone.
package struct Picture: Sendable {
    package let title: String
    package let width: Double
    package let height: Double
    private var body = ""

    /// What a shape is for; the style sheet gives it its colour.
    package enum Role: Sendable, Equatable {
        /// Words and numbers.
        case ink
        /// The ground itself, to cover what lies below.
        case ground
        /// Words that matter less.
        case faint
        /// Lines that only guide the eye.
        case grid
        /// What is shown, where there is one thing; its opacity may tell how much.
        case accent
        /// What is shown, where there are several: numbered from 0.
        case series(Int)

        /// Colours differ for so many.
        package static let seriesCount = 8

        package var name: String {
            switch self {
            case .ink: "ink"
            case .ground: "ground"
            case .faint: "faint"
            case .grid: "grid"
            case .accent: "accent"
            case .series(let number): "series\(number % Role.seriesCount)"
            }
        }
    }

    package enum Anchor: String, Sendable {
        case start, middle, end
    }

    package init(title: String, width: Double, height: Double) {
        (self.title, self.width, self.height) = (title, width, height)
    }

    /// - Parameter tip: shown where the mouse rests.
    package mutating func rectangle(
        x: Double, y: Double, width: Double, height: Double, _ role: Role, opacity: Double = 1, tip: String = ""
    ) {
        body += "<rect x=\"\(text(x))\" y=\"\(text(y))\" width=\"\(text(max(0, width)))\" "
        body += "height=\"\(text(max(0, height)))\" class=\"\(role.name)\"\(fill(opacity))\(close("rect", tip))"
    }

    package mutating func circle(
        x: Double, y: Double, radius: Double, _ role: Role, opacity: Double = 1, outlined: Bool = false,
        tip: String = ""
    ) {
        body += "<circle cx=\"\(text(x))\" cy=\"\(text(y))\" r=\"\(text(radius))\" "
        body += "class=\"\(role.name)\(outlined ? " outlined" : "")\"\(fill(opacity))\(close("circle", tip))"
    }

    package mutating func line(from start: (x: Double, y: Double), to end: (x: Double, y: Double), width: Double = 1) {
        body += "<line x1=\"\(text(start.x))\" y1=\"\(text(start.y))\" x2=\"\(text(end.x))\" y2=\"\(text(end.y))\" "
        body += "class=\"grid\" stroke-width=\"\(text(width))\"/>"
    }

    package mutating func polyline(_ points: [(x: Double, y: Double)], _ role: Role, width: Double = 1.5) {
        let list = points.map { "\(text($0.x)),\(text($0.y))" }.joined(separator: " ")
        body += "<polyline points=\"\(list)\" class=\"\(role.name) curve\" stroke-width=\"\(text(width))\"/>"
    }

    package mutating func words(
        _ words: String, x: Double, y: Double, _ role: Role = .ink, anchor: Anchor = .start, size: Double = 11
    ) {
        body += "<text x=\"\(text(x))\" y=\"\(text(y))\" class=\"\(role.name)\" text-anchor=\"\(anchor.rawValue)\" "
        body += "font-size=\"\(text(size))\">\(Markup.escaped(words))</text>"
    }

    /// For a page whose style sheet holds `Picture.styleSheet`.
    package var inline: String { svg(namespace: "", inside: "") }

    /// For a file of its own, with ground and colours.
    package var file: String {
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            + svg(
                namespace: " xmlns=\"http://www.w3.org/2000/svg\" width=\"\(text(width))\" height=\"\(text(height))\"",
                inside: "<title>\(Markup.escaped(title))</title><style>\(Picture.styleSheet)</style>"
                    + "<rect width=\"100%\" height=\"100%\" class=\"ground\"/>") + "\n"
    }

    private func svg(namespace: String, inside: String) -> String {
        "<svg\(namespace) class=\"picture\" viewBox=\"0 0 \(text(width)) \(text(height))\" role=\"img\" "
            + "aria-label=\"\(Markup.escaped(title))\">\(inside)\(body)</svg>"
    }

    private func fill(_ opacity: Double) -> String {
        opacity >= 1 ? "" : " fill-opacity=\"\(Markup.number(max(0, opacity), digits: 3))\""
    }

    private func close(_ name: String, _ tip: String) -> String {
        tip.isEmpty ? "/>" : "><title>\(Markup.escaped(tip))</title></\(name)>"
    }

    private func text(_ value: Double) -> String { Markup.number(value) }

    /// Colours for both grounds; the series keep theirs, which stand out from either.
    package static let styleSheet: String = {
        let series = ["#3b82c4", "#d9534f", "#3a9d5d", "#9a6fc9", "#d98324", "#1fa3b0", "#a0654b", "#8a8f98"]
        var rules = """
            .picture{font-family:system-ui,sans-serif}
            .picture .ground{fill:#fff}.picture .ink{fill:#262a30}.picture .faint{fill:#6b727c}
            .picture .grid{stroke:#dfe3e8;fill:none}.picture .accent{fill:#2f6fb3}
            .picture .curve{fill:none}.picture .outlined{stroke:#8a94a0;stroke-width:1}

            """
        for (number, colour) in series.enumerated() {
            rules += ".picture .series\(number){fill:\(colour)}"
            rules += ".picture .series\(number).curve{fill:none;stroke:\(colour)}\n"
        }
        rules += """
            @media (prefers-color-scheme:dark){
            .picture .ground{fill:#14171b}.picture .ink{fill:#e4e7eb}.picture .faint{fill:#98a1ac}
            .picture .grid{stroke:#353b43}.picture .accent{fill:#63a8ee}.picture .outlined{stroke:#77818d}
            }
            """
        return rules
    }()
}
