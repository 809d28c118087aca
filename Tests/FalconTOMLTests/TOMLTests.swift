import FalconTOML
import Testing

@Suite struct TOMLTests {
    @Test func `keys differ when their bytes do`() throws {
        // An e with an acute accent, in one character and out of two: equal as Swift's strings.
        let (one, two) = ("\u{e9}", "e\u{301}")
        let root = try TOMLValue.parse("\"\(one)\" = 1\n\"\(two)\" = 2\n[t.\"\(one)\"]\n[t.\"\(two)\"]\n")
        #expect(root[one] == .integer(1) && root[two] == .integer(2))
        #expect(root.keys == [two, "t", one] && root["t"] == .table([one: .table([:]), two: .table([:])]))
        let inline = try TOMLValue.parse("a = {\"\(one)\" = 1, \"\(two)\".\"\(one)\" = 2}")
        #expect(inline["a"] == .table([two: .table([one: .integer(2)]), one: .integer(1)]))
        // Hangul and the Kelvin sign are the same in more forms than one, too.
        #expect(problem("\"\u{ac00}\" = 1\n\"\u{1100}\u{1161}\" = 2\n\"\u{212a}\" = 3\n\"K\" = 4") == nil)
        #expect(problem("\"\(one)\" = 1\n\"\(one)\" = 2")?.contains("line 2, column 1: ") == true)
        #expect(problem("\"\\u00e9\" = 1\n\"\(one)\" = 2")?.contains("is there already") == true)
    }

    @Test(arguments: [
        "2024-02-29", "2000-02-29", "0000-01-01", "9999-12-31", "23:59:60", "00:00:00.000001", "2024-04-30T24:00:00Z",
        "1990-12-31T23:59:60Z", "1979-05-27t00:32:00z", "1979-05-27 07:32:00+23:59", "1979-05-27T07:32:00-00:00",
        "2024-13-01", "2024-00-01", "2024-01-00", "2023-02-29", "1900-02-29", "2024-02-30", "2024-04-31", "2024-06-31",
        "2024-09-31", "2024-11-31", "2024-01-32", "24:00:00", "25:00:00", "12:60:00", "12:00:61", "2024-01-01T12:60:00",
        "2024-01-01T12:00:00+24:00", "2024-01-01T12:00:00-12:60", "2024-02-30 12:00:00", "2024-02-30T12:00:00.5Z",
    ])
    func `dates and times are those of the calendar and the clock`(word: String) {
        // The reference: Python's datetime, but for leap seconds, and year 0, which RFC 3339 has.
        let wrong = [
            "2024-04-30T24:00:00Z", "2024-13-01", "2024-00-01", "2024-01-00", "2023-02-29", "1900-02-29", "2024-02-30",
            "2024-04-31", "2024-06-31", "2024-09-31", "2024-11-31", "2024-01-32", "24:00:00", "25:00:00", "12:60:00",
            "12:00:61", "2024-01-01T12:60:00", "2024-01-01T12:00:00+24:00", "2024-01-01T12:00:00-12:60",
            "2024-02-30 12:00:00", "2024-02-30T12:00:00.5Z",
        ]
        for (text, column) in [("a = \(word)", 5), ("a = [1, \(word) ]", 9), ("a = {b = \(word)}", 10)] {
            let expected = "line 1, column \(column): '\(word)' is a date or time that there is not"
            #expect(problem(text) == (wrong.contains(word) ? expected : nil))
        }
    }

    @Test(arguments: [
        "1979-5-27", "1979-05-27T", "07:32", "1979-05-27T07:32:00+7:00", "1979-05-27T07:32:00.", "07:32:00Z",
    ])
    func `what is written otherwise is no date`(word: String) {
        #expect(problem("a = \(word)")?.contains("no value") == true)
    }

    @Test func `a byte order mark stands in front of the file, once`() throws {
        let mark: [UInt8] = [0xef, 0xbb, 0xbf]
        func problem(_ bytes: [UInt8]) -> String? {
            do {
                _ = try TOMLValue.parse(bytes)
                return nil
            } catch { return error.description }
        }
        #expect(problem(mark + Array("a = 1\n".utf8)) == nil && problem(mark) == nil)
        let place = "line 1, column 1: expected a key, not a byte order mark (U+FEFF)"
        #expect(problem(mark + mark + Array("a = 1".utf8)) == place && problem(mark + mark) == place)
        #expect(problem(Array("a = 1\n".utf8) + mark + Array("b = 2".utf8))?.hasPrefix("line 2, column 1: ") == true)
        #expect(problem(Array("a = ".utf8) + mark + Array("1".utf8))?.contains("a value, not a byte order") == true)
        #expect(problem(Array("a = 1".utf8) + mark)?.contains("the end of the line, not a byte order") == true)
        // In text it is a character like any other.
        #expect(try TOMLValue.parse("a = \"\u{feff}\" # \u{feff}")["a"] == .text("\u{feff}"))
        #expect(problem(mark + Array("a = = 1".utf8)) == "line 1, column 5: expected a value")
    }

    @Test func `bytes that are no text are refused by their line`() {
        #expect {
            try TOMLValue.parse(Array("a = 1\nb = \"".utf8) + [0xff, 0x22])
        } throws: { "\($0)" == "line 2, column 1: is not UTF-8 text" }
        // Half of a surrogate pair, an overlong slash, a character that is cut.
        for bytes: [UInt8] in [[0xed, 0xa0, 0x80], [0xc0, 0xaf], [0xe2, 0x82]] {
            #expect(throws: TOMLError.self) { try TOMLValue.parse(Array("# ".utf8) + bytes) }
        }
    }

    private func problem(_ text: String) -> String? {
        do {
            _ = try TOMLValue.parse(text)
            return nil
        } catch { return error.description }
    }

    @Test func `a document of all kinds of values`() throws {
        let text = """
            # comment
            title = "a\\tb \\"q\\" \\u00e9 \\U0001F600" # behind
            'single' = 'C:\\path'
            "quoted key" = true

            [numbers]
            whole = [ 0, -17, +5, 1_000, 0xFF, 0o17, 0b101,
                9223372036854775807, -9223372036854775808, # comment in a list
            ]
            real = [1.0, -0.5e-3, 6.02E+23, 1e5, inf, -inf, 3_1.4_1]
            [numbers.more]
            dates = [1979-05-27, 07:32:00, 1979-05-27T07:32:00.999-07:00, 1979-05-27 07:32:00Z]
            point = { x = 1, y.z = 2 }

            [[tables]]
            a.b = 1
            a.c = 2
            [[tables]]
            [tables.inner]
            d = "x"
            """
        let root = try TOMLValue.parse(text)
        #expect(root["title"] == .text("a\tb \"q\" é 😀"))
        #expect(root["single"] == .text("C:\\path") && root["quoted key"] == .flag(true))
        guard case .table(let numbers)? = root["numbers"], case .table(let more)? = numbers["more"] else {
            Issue.record("no tables")
            return
        }
        #expect(
            numbers["whole"]
                == .list([0, -17, 5, 1000, 255, 15, 5, Int.max, Int.min].map(TOMLValue.integer)))
        #expect(
            numbers["real"]
                == .list([1, -0.0005, 6.02e23, 1e5, .infinity, -.infinity, 31.41].map(TOMLValue.number)))
        #expect(
            more["dates"]
                == .list(
                    ["1979-05-27", "07:32:00", "1979-05-27T07:32:00.999-07:00", "1979-05-27 07:32:00Z"].map(
                        TOMLValue.moment)))
        #expect(more["point"] == .table(["x": .integer(1), "y": .table(["z": .integer(2)])]))
        #expect(
            root["tables"]
                == .list([
                    .table(["a": .table(["b": .integer(1), "c": .integer(2)])]),
                    .table(["inner": .table(["d": .text("x")])]),
                ]))
    }

    @Test func `text over several lines`() throws {
        let quotes = "\"\"\""
        let root = try TOMLValue.parse(
            "a = \(quotes)\none\\\n    two\r\n\"three\"\(quotes)\"\nb = '''\nx\\n'y'''\nc = \(quotes)\(quotes)\n")
        #expect(root["a"] == .text("onetwo\n\"three\"\""))
        #expect(root["b"] == .text("x\\n'y"))
        #expect(root["c"] == .text(""))
        #expect(try TOMLValue.parse("").isEmpty && TOMLValue.parse("\u{feff}\r\n# only a comment").isEmpty)
    }

    @Test(arguments: [
        ("a = = 2", "line 1, column 5: expected a value"), ("a", "expected '='"), ("= 1", "expected a key"),
        ("[(", "line 1, column 2: expected a key"), ("[a", "expected ']'"), ("[[a]", "expected ']'"),
        ("[]", "expected a key"), ("a = [1 2]", "expected ',' or ']'"), ("a = {b = 1,}", "expected a key"),
        ("a = {b = 1\n}", "expected ',' or '}'"), ("a = 1 b = 2", "expected the end of the line"),
        ("a = 1\na = 2", "line 2, column 1: 'a' is there already"), ("[a]\n[a]", "line 2, column 1: 'a' is there"),
        ("a = 1\n[a]", "is there already"), ("[a.b]\n[a]\nb = 1", "'b' is there already"),
        ("a.b = 1\n[a]", "is there already"), ("a = {b = 1}\na.c = 2", "is there already"),
        ("a = [1]\n[[a]]", "is there already"), ("[a]\nb.c = 1\n[a.b]", "is there already"),
        ("a = {b = 1, b = 2}", "is there already"), ("a = 01", "'01' is no value"), ("a = 1__0", "no value"),
        ("a = _1", "no value"), ("a = 1.", "no value"), ("a = .5", "no value"), ("a = 1e", "no value"),
        ("a = 0x", "no value"), ("a = +0x1", "no value"), ("a = 9223372036854775808", "fits 64 bits"),
        ("a = word", "'word' is no value that fits 64 bits; text stands in quotes"), ("a = 1979-5-27", "no value"),
        ("a = \"x", "no end"), ("a = \"x\ny\"", "line's end"), ("a = \"\\q\"", "line 1, column 6: an unknown escape"),
        ("a = \"\\ud800\"", "no Unicode character"), ("a = '''x", "no end"), ("a = \"\u{1}\"", "control character"),
        ("# \u{7}", "control character"), ("a = \"\u{7f}\"", "control character"), ("a.\nb = 1", "expected a key"),
    ])
    func `a mistake is named with its place`(text: String, expected: String) {
        let problem = problem(text) ?? "no problem in \(text)"
        #expect(problem.contains(expected), "\(problem)")
        #expect(!problem.contains("\n"))
    }

    @Test func `deep nesting is refused and long words are no trouble`() {
        for opening in ["[", "{a=", "[{a="] {
            #expect(problem("a = " + String(repeating: opening, count: 50_000))?.contains("deeply") == true)
        }
        #expect(problem(String(repeating: "a.", count: 50_000) + "a = 1")?.contains("deeply") == true)
        #expect(problem("a = " + String(repeating: "1", count: 200_000))?.contains("64 bits") == true)
        #expect(problem("a = " + String(repeating: "1_", count: 100_000) + "0e5") == nil)
    }
}
