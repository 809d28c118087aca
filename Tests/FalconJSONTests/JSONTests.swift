import FalconJSON
import Testing

@Suite struct JSONTests {
    private func parse(
        _ text: String, _ halfSurrogates: JSONParser.HalfSurrogates = .refused
    ) throws -> JSONValue {
        try JSONParser.parse(Array(text.utf8), halfSurrogates: halfSurrogates)
    }

    @Test func `values of every kind are read`() throws {
        let value = try parse(#" {"a": [1, -2, 2.5, 1e-05, true, false, null, -0], "b": {"c": "d"}, "e": ""} "#)
        #expect(value.object?.keys == ["a", "b", "e"])
        #expect(
            value["a"]
                == .array([
                    .integer(1), .integer(-2), .number(2.5), .number(1e-5), .boolean(true), .boolean(false), .null,
                    .integer(0),
                ]))
        #expect(value["b"]?["c"]?.string == "d" && value["e"]?.string == "" && value["c"] == nil)
        #expect(value["a"]?.array?.map(\.kind).suffix(4) == ["true or false", "true or false", "null", "an integer"])
    }

    @Test func `numbers are exact, and whole ones beyond 64 bits are no integers`() throws {
        #expect(try parse("9223372036854775807").integer == .max)
        #expect(try parse("-9223372036854775808").integer == .min)
        #expect(try parse("9223372036854775808") == .number(9_223_372_036_854_775_808))
        #expect(try parse("0.1").double == 0.1)
        #expect(try parse("2.2250738585072014e-308").double == 2.2250738585072014e-308)
    }

    @Test func `escapes are read`() throws {
        #expect(try parse(#""\"\\\/\b\f\n\r\té\u00e9\ud83d\ude80""#).string == "\"\\/\u{8}\u{c}\n\r\téé🚀")
    }

    @Test(arguments: [
        (#""\ud83dx""#, "\u{fffd}x"), (#""\ud83d\n\ude80""#, "\u{fffd}\n\u{fffd}"), (#""\ud83d""#, "\u{fffd}"),
        (#""\ud83d\ud83d\ude80""#, "\u{fffd}🚀"),
    ])
    func `half a surrogate pair is replaced or refused, as its caller asks`(text: String, replaced: String) throws {
        #expect(try parse(text, .replaced).string == replaced)
        let error = #expect(throws: JSONError.self) { try parse(text, .refused) }
        #expect(error?.problem.contains("surrogate") == true)
    }

    @Test(arguments: [0, 20])
    func `keys that are only canonically equivalent stay apart`(others: Int) throws {
        let more = (0..<others).map { "\"\($0)\": 0, " }.joined()
        func object(_ second: String) throws -> JSONObject {
            try #require(try parse("{\(more)\"\u{c5}\": 1, \"\(second)\": 2, \"A\u{30a}\": 3}").object)
        }
        let found = try object("\u{212b}")
        #expect(found.members.suffix(3).map(\.value.integer) == [1, 2, 3])
        #expect(found["\u{c5}"] == .integer(1) && found["\u{212b}"] == .integer(2))
        #expect(try parse("{\"\u{c5}\": 1}").object != parse("{\"\u{212b}\": 1}").object)
    }

    @Test(arguments: [0, 7, 8, 9, 30])
    func `a key that occurs twice is refused with its place`(others: Int) throws {
        let more = (0..<others).map { "\"\($0)\":0," }.joined()
        let error = #expect(throws: JSONError.self) { try parse("{\n\"a\":1,\(more)\"\\u0061\":2}") }
        #expect(error?.problem == "the key 'a' occurs twice in an object")
        #expect(error?.line == 2 && error?.column == 7 + more.utf8.count)
    }

    @Test func `members are changed, added and taken out, few or many`() throws {
        for count in [3, 9, 40] {
            var object = JSONObject()
            for number in 0..<count { object["\(number)"] = .integer(number) }
            object["1"] = .string("one")
            object["0"] = nil
            object["new"] = .null
            #expect(object.keys == (1..<count).map(String.init) + ["new"])
            #expect(object["1"]?.string == "one" && object["2"]?.integer == 2 && object["0"] == nil)
            #expect(object["new"]?.isNull == true && object.count == count)
        }
    }

    @Test(arguments: [true, false])
    func `what is written reads the same`(isPretty: Bool) throws {
        let document = try parse(
            #"{"z":[1,[],{}],"a":{"x":1e-06,"y":null,"ключ":"\"\\\t\u0001"},"n":-12345678901234,"f":0.1}"#)
        #expect(try parse(document.text(isPretty: isPretty)) == document)
    }
}
