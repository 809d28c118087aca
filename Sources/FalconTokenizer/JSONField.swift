import FalconJSON

/// One place in a tokenizer's JSON file, known by its path ("model.vocab"), so that a wrong value is reported with
/// the file's and the field's name.
struct JSONField {
    let file: String
    let path: String
    /// `nil` where the field is missing; JSON's null counts as missing too.
    let value: JSONValue?

    init(file: String, path: String, value: JSONValue?) {
        self.file = file
        self.path = path
        self.value = value.flatMap { $0.isNull ? nil : $0 }
    }

    subscript(_ key: String) -> JSONField {
        JSONField(file: file, path: path.isEmpty ? key : "\(path).\(key)", value: value?[key])
    }

    func error(_ problem: String) -> TokenizerError {
        TokenizerError(file, path.isEmpty ? problem : "'\(path)' \(problem)")
    }

    func string() throws -> String {
        guard let text = value?.string else { throw wrong("a string") }
        return text
    }

    func integer() throws -> Int {
        guard let number = value?.integer else { throw wrong("an integer") }
        return number
    }

    /// A flag, `otherwise` where it is missing.
    func boolean(otherwise: Bool) throws -> Bool {
        guard let value else { return otherwise }
        guard let flag = value.boolean else { throw wrong("true or false") }
        return flag
    }

    /// The elements of a list, each knowing its number.
    func elements() throws -> [JSONField] {
        guard let list = value?.array else { throw wrong("a list") }
        return list.enumerated().map { JSONField(file: file, path: "\(path)[\($0.offset)]", value: $0.element) }
    }

    func members() throws -> [JSONObject.Member] {
        guard let members = value?.object?.members else { throw wrong("an object") }
        return members
    }

    private func wrong(_ expected: String) -> TokenizerError {
        error(value.map { "should be \(expected) and is \($0.kind)" } ?? "is missing; it should be \(expected)")
    }
}
