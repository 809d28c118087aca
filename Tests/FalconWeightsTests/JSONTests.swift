import FalconTensor
import FalconWeights
import Testing

@Suite struct JSONTests {
    private func parse(_ text: String) throws -> JSONValue {
        try JSONValue(parsing: Array(text.utf8), from: "test.json")
    }

    @Test func `every kind of value is read`() throws {
        let document = try parse(#" {"a":[1,-2.5,1e-05,true,false,null],"b":{"c":"\u00e9\ud83d\ude00\n\"\/"},"d":""} "#)
        let object = try #require(document.object)
        #expect(object.keys == ["a", "b", "d"])
        #expect(
            object["a"] == .array([.integer(1), .number(-2.5), .number(1e-5), .boolean(true), .boolean(false), .null]))
        #expect(object["b"]?.object?["c"] == .string("é😀\n\"/"))
    }

    @Test(arguments: [
        "", "{", "[1,]", "{\"a\":1,}", "{\"a\" 1}", "{'a':1}", "[1 2]", "01", "1.", ".5", "+1", "1e", "nul", "true1",
        "NaN",
        "\"", "\"\u{1}\"", #""\x""#, #""\ud83d""#, #""\u12g4""#, "{} {}", "1e999", "{\"a\":1,\"a\":2}", "-",
    ])
    func `malformed text is refused with the place`(text: String) {
        let error = #expect(throws: FileError.self) { try parse(text) }
        #expect(error?.problem.contains("byte ") == true)
    }

    @Test func `deep nesting is refused, not followed`() {
        #expect(throws: FileError.self) { try parse(String(repeating: "[", count: 1_000_000)) }
    }

    @Test func `text that is not UTF-8 is refused`() {
        #expect(throws: FileError.self) { try JSONValue(parsing: [0x22, 0xC3, 0x28, 0x22], from: "test.json") }
    }

    @Test(arguments: [true, false])
    func `what is written reads the same`(isPretty: Bool) throws {
        let document = try parse(
            #"{"z":[1,[],{}],"a":{"x":1e-06,"y":null,"ключ":"\"\\\t\u0001"},"n":-12345678901234,"f":0.1}"#)
        #expect(try parse(document.text(isPretty: isPretty)) == document)
    }
}
