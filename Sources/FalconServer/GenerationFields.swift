import Falcon
import FalconJSON

/// What a chat completion and a completion have in common: how the text is generated and how it is told.
package struct GenerationFields: Sendable, Equatable {
    package let model: String
    package var options: GenerationOptions
    /// Whether `max_tokens` was left out, so that the context is the limit.
    package let isOpenEnded: Bool
    /// How many answers.
    package let count: Int
    package let streams: Bool
    /// Whether a stream ends with the counts of tokens.
    package let includesUsage: Bool
    /// Whether chunks of a stream tell each token's text and its depth in the draft: for the chat page.
    package let tellsDraftDepths: Bool
    /// How many alternatives are told beside each token's own logarithm of its probability; `nil` for neither.
    package var scoredAlternatives: Int? { options.scoredAlternatives }

    /// The most answers to one request.
    static let mostAnswers = 16
    /// The most texts of `stop`, and bytes of each.
    static let (mostStops, longestStop) = (16, 1024)

    /// - Parameter limits: names of the member for the most tokens, the newest first.
    init(_ fields: inout RequestFields, limits: [String], randomSeed: () -> UInt64) throws {
        guard let model = try fields.string("model") else {
            throw APIError.invalid("model", "is missing: give a name of GET /v1/models")
        }
        self.model = model
        var most: Int?
        for name in limits {
            let given = try fields.integer(name, 1...Int.max)
            if let first = most, let given, first != given {
                throw APIError.invalid(name, "is \(given), \(limits[0]) is \(first): give one of the two")
            }
            most = most ?? given
        }
        isOpenEnded = most == nil
        options = GenerationOptions(
            maximumTokens: most ?? Int.max,
            temperature: try fields.number("temperature", 0...2) ?? 1,
            topK: try fields.integer("top_k", 0...Int.max) ?? 0,
            topP: try fields.number("top_p", 0...1) ?? 1,
            stop: try GenerationFields.stops(&fields))
        // The least share that there is: the likeliest token.
        if options.topP == 0 { options.topP = .leastNonzeroMagnitude }
        options.seed = try GenerationFields.seed(&fields) ?? randomSeed()
        count = try fields.integer("n", 1...GenerationFields.mostAnswers) ?? 1
        streams = try fields.boolean("stream") ?? false
        tellsDraftDepths = try fields.boolean("draft_depths") ?? false
        if tellsDraftDepths, !streams { throw APIError.invalid("draft_depths", "is for 'stream': true") }
        includesUsage = try GenerationFields.includesUsage(&fields, streams: streams)
    }

    private static func stops(_ fields: inout RequestFields) throws -> [String] {
        guard let value = fields.value("stop") else { return [] }
        let values = value.array ?? [value]
        guard values.count <= mostStops else {
            throw APIError.invalid("stop", "has \(values.count) texts: give \(mostStops) at most")
        }
        return try values.map { value in
            guard let text = value.string else { throw APIError.invalid("stop", "holds \(value.kind): give strings") }
            guard !text.isEmpty else { throw APIError.invalid("stop", "holds an empty text") }
            guard text.utf8.count <= longestStop else {
                throw APIError.invalid("stop", "holds a text of \(text.utf8.count) bytes: give \(longestStop) at most")
            }
            return text
        }
    }

    /// Any integer of 64 bits, negative ones too.
    private static func seed(_ fields: inout RequestFields) throws -> UInt64? {
        try fields.integer("seed", Int.min...Int.max).map { UInt64(bitPattern: Int64($0)) }
    }

    private static func includesUsage(_ fields: inout RequestFields, streams: Bool) throws -> Bool {
        guard let value = fields.value("stream_options") else { return false }
        guard let options = value.object else {
            throw APIError.invalid("stream_options", "is \(value.kind): give an object")
        }
        guard streams else { throw APIError.invalid("stream_options", "is for 'stream': true") }
        var includes = false
        for member in options.members {
            switch (member.key, member.value) {
            case ("include_usage", .boolean(let value)): includes = value
            // Padding against eavesdroppers; there is none on loopback.
            case ("include_obfuscation", .boolean(false)), (_, .null): break
            default: throw APIError.invalid("stream_options.\(member.key)", "is not supported: leave it out")
            }
        }
        return includes
    }

    /// What both endpoints of OpenAI have and this server has not.
    static func refuseUnsupported(_ fields: inout RequestFields) throws {
        try fields.refuseUnsupported([
            ("logit_bias", [.object(JSONObject())], "leave it out"),
            ("presence_penalty", [.integer(0), .number(0)], "leave it out or give 0"),
            ("frequency_penalty", [.integer(0), .number(0)], "leave it out or give 0"),
        ])
        fields.ignore(ignored)
        try fields.refuseUnknown()
    }

    /// Members that say something of the caller, or ask for nothing that a local server could do otherwise.
    static let ignored = [
        "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention",
    ]
}
