import FalconJSON
import Testing

@Suite struct HostileJSONTests {
    private func parse(_ text: String) throws -> JSONValue { try JSONParser.parse(Array(text.utf8)) }

    @Test(arguments: [
        "", " ", "{", "[", "]", "[1", "[1,", "[1,]", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,}", "{\"a\" 1}",
        "{a:1}",
        "{'a':1}", "\"", "\"\\", "\"\\u12", "\"\\x\"", "\"\\u12g4\"", "\"a\nb\"", "\"\u{1}\"", "01", "-", "1.", "1e",
        "1e+",
        ".5", "+1", "-01", "tru", "true1", "nul", "NaN", "Infinity", "[1 2]", "1 2", "{} {}", "'a'", "1e999", "-1e999",
        "// c\n1", "\u{feff}1",
    ])
    func `broken texts are refused with their place`(text: String) {
        let error = #expect(throws: JSONError.self) { try parse(text) }
        #expect(error?.description.hasPrefix("line ") == true)
    }

    @Test(arguments: ["[", "{\"a\":"])
    func `deep nesting is refused, not followed`(open: String) throws {
        let close = open == "[" ? "]" : "}"
        let deep = { (levels: Int) in
            String(repeating: open, count: levels - 1) + "[]" + String(repeating: close, count: levels - 1)
        }
        _ = try parse(deep(JSONParser.maximumDepth))
        #expect(throws: JSONError.self) { try parse(deep(JSONParser.maximumDepth + 1)) }
        #expect(throws: JSONError.self) { try parse(String(repeating: open, count: 1_000_000)) }
    }

    @Test(arguments: [
        [0x22, 0xff, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22], [0x22, 0xc3, 0x28, 0x22], [0x22, 0x5c, 0x6e, 0xff, 0x22],
    ])
    func `text that is not UTF-8 is refused`(bytes: [UInt8]) {
        #expect(throws: JSONError.self) { try JSONParser.parse(bytes) }
    }

    @Test func `a text cut anywhere is refused, and only its part is read`() throws {
        let bytes = Array(#"{"a": [1, "é\n"], "b": null}"#.utf8)
        for cut in 0..<bytes.count { #expect(throws: JSONError.self) { try JSONParser.parse(bytes, in: 0..<cut) } }
        #expect(try JSONParser.parse(bytes, in: 6..<17).array?.count == 2)
    }

    @Test func `the place of an error is its line and column`() {
        let error = #expect(throws: JSONError.self) { try parse("{\n  \"a\": 1,\n  b") }
        #expect(error?.description == "line 3, column 3: expected a quoted key")
    }
}
