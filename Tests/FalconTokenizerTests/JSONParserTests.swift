import FalconTokenizer
import Foundation
import Testing

@Suite struct JSONParserTests {
    private func parse(_ text: String) throws -> JSONValue {
        try JSONParser.parse(Array(text.utf8))
    }

    @Test func `values of every kind are read`() throws {
        let value = try parse(#" {"a": [1, -2, 2.5, 1e3, true, false, null], "b": {"c": "d"}} "#)
        let list = value["a"]?.array ?? []
        #expect(list.count == 7)
        #expect(list[0].integer == 1 && list[1].integer == -2)
        if case .number(let number) = list[2] { #expect(number == 2.5) } else { Issue.record("2.5 is \(list[2].kind)") }
        if case .number(let number) = list[3] {
            #expect(number == 1000)
        } else {
            Issue.record("1e3 is \(list[3].kind)")
        }
        #expect(list[4].boolean == true && list[5].boolean == false && list[6].isNull)
        #expect(value["b"]?["c"]?.string == "d")
    }

    @Test func `escapes are read, and half a surrogate pair becomes the replacement character`() throws {
        #expect(try parse(#""\"\\\/\b\f\n\r\té\ud83d\ude80""#).string == "\"\\/\u{8}\u{c}\n\r\té🚀")
        #expect(try parse(#""\ud83dx""#).string == "\u{fffd}x")
        #expect(try parse(#""\ud83d\n\ude80""#).string == "\u{fffd}\n\u{fffd}")
        #expect(try parse(#""\ud83d\ud83d\ude80""#).string == "\u{fffd}🚀")
    }

    @Test func `keys that are only canonically equivalent stay apart`() throws {
        let members = try parse("{\"\u{c5}\": 1, \"\u{212b}\": 2, \"A\u{30a}\": 3}").members ?? []
        #expect(members.map(\.value.integer) == [1, 2, 3])
    }

    @Test(arguments: [
        "", " ", "{", "[", "]", "[1", "[1,", "[1,]", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,}", "{a:1}", "\"",
        "\"\\", "\"\\u12",
        "\"\\x\"", "\"\\u12g4\"", "\"a\nb\"", "01", "-", "1.", "1e", ".5", "+1", "tru", "nul", "NaN", "[1 2]", "1 2",
        "'a'",
    ])
    func `broken texts are refused with their place`(text: String) {
        let error = #expect(throws: JSONError.self) { try parse(text) }
        #expect(error?.description.hasPrefix("line ") == true)
    }

    @Test func `deep nesting and broken UTF-8 are refused`() throws {
        let deep = { (levels: Int) in String(repeating: "[", count: levels) + String(repeating: "]", count: levels) }
        _ = try parse(deep(JSONParser.maximumDepth))
        #expect(throws: JSONError.self) { try parse(deep(JSONParser.maximumDepth + 1)) }
        #expect(throws: JSONError.self) { try JSONParser.parse([0x22, 0xff, 0x22]) }
        #expect(throws: JSONError.self) { try JSONParser.parse([0x22, 0xed, 0xa0, 0x80, 0x22]) }
    }

    @Test func `the place of an error is its line and column`() {
        let error = #expect(throws: JSONError.self) { try parse("{\n  \"a\": 1,\n  b") }
        #expect(error?.description == "line 3, column 3: expected a quoted key")
    }
}
