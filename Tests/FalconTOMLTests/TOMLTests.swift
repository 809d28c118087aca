import FalconTOML
import Testing

@Suite struct TOMLTests {
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
