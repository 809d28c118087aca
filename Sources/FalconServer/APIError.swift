import FalconJSON

/// A refusal in OpenAI's form: `{"error": {"message", "type", "param", "code"}}` with a status.
package struct APIError: Error, Sendable, Equatable {
    /// The status of HTTP.
    package let status: Int
    /// One line: what is wrong and how to fix it.
    package let message: String
    /// The member of the request that is to blame.
    package let parameter: String?
    /// A word for programs.
    package let code: String?

    package init(_ status: Int, _ message: String, parameter: String? = nil, code: String? = nil) {
        (self.status, self.message, self.parameter, self.code) = (status, message, parameter, code)
    }

    /// A member of the request that is wrong.
    static func invalid(_ parameter: String, _ problem: String, code: String? = nil) -> APIError {
        APIError(400, "'\(parameter)' \(problem)", parameter: parameter, code: code)
    }

    /// A member that OpenAI's server has and this one has not.
    static func unsupported(_ parameter: String, _ advice: String = "leave it out") -> APIError {
        invalid(parameter, "is not supported by falcon-serve: \(advice)", code: "unsupported_parameter")
    }

    /// OpenAI's class of the error.
    package var type: String {
        switch status {
        case 401: "authentication_error"
        case 403: "permission_error"
        case 404: "not_found_error"
        case 429: "rate_limit_error"
        case 500...: "server_error"
        default: "invalid_request_error"
        }
    }

    /// The body of the answer.
    package var json: JSONValue {
        .members([
            (
                "error",
                .members([
                    ("message", .string(message)), ("type", .string(type)),
                    ("param", parameter.map { .string($0) } ?? .null), ("code", code.map { .string($0) } ?? .null),
                ])
            )
        ])
    }
}

extension JSONValue {
    /// An object of members in order.
    package static func members(_ members: [(String, JSONValue)]) -> JSONValue {
        var object = JSONObject()
        for (key, value) in members { object.append(key, value) }
        return .object(object)
    }
}
