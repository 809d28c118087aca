/// The rules by which a model's text is cut into words before byte pairs are merged, by the name that GGUF files have
/// for them in "tokenizer.ggml.pre".
///
/// The expressions are those of the models' own `tokenizer.json` where llama.cpp, the source of the names, rewrites
/// them for its own engine.
struct GGUFWordRules: Sendable {
    let steps: [PreTokenizer.Step]
    /// Whether a word that is a token is taken whole.
    var ignoresMerges = false
    /// Whether the models' own tokenizers normalise to NFC, which no key of the file says.
    var composes = false

    /// - Throws: `TokenizerError` naming `field` for a name that is not known.
    static func named(_ name: String, _ field: JSONField) throws -> GGUFWordRules {
        guard let rules = try known(name) else {
            throw field.error(
                "is '\(name)', which is not supported; known are \(names.sorted().joined(separator: ", "))")
        }
        return rules
    }

    /// All names; several models may share rules.
    private static let names = [
        "default", "gpt-2", "phi-2", "gigachat", "mellum", "a.x-4.0", "exaone4", "jais", "trillion", "granite-docling",
        "olmo", "mpt", "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "dbrx",
        "smaug-bpe", "glm4", "chatglm-bpe", "qwen2", "qwen35", "deepseek-r1-qwen", "megrez", "stablelm2", "hunyuan",
        "solar-open", "grok-2", "starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b",
        "mellum2", "falcon", "gpt-4o", "llama4", "kanana2", "minimax-m2", "tekken", "deepseek-v3", "hunyuan-dense",
        "joyai-llm", "deepseek-coder", "bailingmoe", "bailingmoe2", "llada-moe", "seed-coder", "bloom", "poro-chat",
        "gpt3-finnish", "viking",
    ]

    private static func known(_ name: String) throws -> GGUFWordRules? {
        switch name {
        case "gpt-2", "phi-2", "gigachat", "mellum", "a.x-4.0", "exaone4", "jais", "trillion", "granite-docling":
            GGUFWordRules(steps: [.words(.gpt2)])
        case "olmo", "mpt":
            // Both are GPT-NeoX's tokenizer.
            GGUFWordRules(steps: [.words(.gpt2)], composes: true)
        case "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2":
            GGUFWordRules(steps: [.words(.llama3(digits: 3))], ignoresMerges: true)
        case "dbrx", "smaug-bpe", "glm4", "chatglm-bpe": GGUFWordRules(steps: [.words(.llama3(digits: 3))])
        case "qwen2": GGUFWordRules(steps: [.words(.llama3(digits: 1))], composes: true)
        case "deepseek-r1-qwen", "megrez", "stablelm2", "hunyuan", "solar-open", "grok-2":
            GGUFWordRules(steps: [.words(.llama3(digits: 1))])
        case "starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b", "mellum2":
            GGUFWordRules(steps: [.words(.digits(individual: true)), .words(.gpt2)])
        case "default":
            GGUFWordRules(
                steps: [try split(#"[\p{P}\$\+<=>\^~\|]+"#), .words(.gpt2)]
                    + [.words(.digits(individual: false)), try split("[0-9][0-9][0-9]")])
        case "falcon":
            // Digits are looked for in spelled bytes, as in the model's own file.
            GGUFWordRules(
                steps: [.split(try WordExpression(#"[\p{P}$+<=>^`|~]"#), .contiguous, isInverted: false)]
                    + [.words(.gpt2), .spellBytes, .words(.digits(individual: false)), try split("[0-9][0-9][0-9]")])
        case "qwen35": GGUFWordRules(steps: [try split(qwen35)], composes: true)
        case "gpt-4o", "llama4", "kanana2", "minimax-m2": GGUFWordRules(steps: [try split(gpt4o)])
        case "tekken": GGUFWordRules(steps: [try split(tekken)], ignoresMerges: true)
        case "deepseek-v3", "hunyuan-dense", "joyai-llm":
            GGUFWordRules(
                steps: [
                    try split(#"\p{N}{1,3}"#), try split(#"[\x{4E00}-\x{9FA5}\x{3040}-\x{309F}\x{30A0}-\x{30FF}]+"#),
                    try split(deepSeek),
                ])
        case "deepseek-coder":
            GGUFWordRules(
                steps: [
                    try split(#"[\r\n]"#), try split(#"\s?\p{L}+"#), try split(#"\s?\p{P}+"#),
                    try split(#"[\x{4E00}-\x{9FA5}\x{0800}-\x{4E00}\x{AC00}-\x{D7FF}]+"#), try split(#"\p{N}"#),
                ])
        case "bailingmoe", "bailingmoe2", "llada-moe": GGUFWordRules(steps: [try split(bailing)])
        case "seed-coder": GGUFWordRules(steps: [try split(seedCoder)])
        case "bloom", "poro-chat", "gpt3-finnish": GGUFWordRules(steps: [try split(bloom)])
        case "viking": GGUFWordRules(steps: [try split(bloom), .words(.digits(individual: true))])
        default: nil
        }
    }

    private static func split(_ expression: String) throws -> PreTokenizer.Step {
        .split(try WordExpression(expression), .isolated, isInverted: false)
    }

    private static let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
    private static let upper = #"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"#
    private static let lower = #"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"#

    private static let qwen35 =
        contractions + #"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+"#
        + #"|\s+(?!\S)|\s+"#
    private static let gpt4o =
        #"[^\r\n\p{L}\p{N}]?"# + upper + "*" + lower + "+" + contractions + #"?|[^\r\n\p{L}\p{N}]?"# + upper + "+"
        + lower + "*" + contractions + #"?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    private static let tekken =
        #"[^\r\n\p{L}\p{N}]?"# + upper + "*" + lower + #"+|[^\r\n\p{L}\p{N}]?"# + upper + "+" + lower
        + #"*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    private static let deepSeek =
        ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"##
        + #"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    private static let bailing =
        #"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"#
    private static let seedCoder =
        contractions + #"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+"#
    private static let bloom = #" ?[^(\s|.,!?\x{2026}\x{3002}\x{FF0C}\x{3001}\x{0964}\x{06D4}\x{060C})]+"#
}
