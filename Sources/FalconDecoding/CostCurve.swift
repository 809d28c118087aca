/// Seconds of a round by the shape of its tree.
package struct CostCurve: Sendable {
    /// `[rows]`: a pass of the target; never falls.
    private(set) var target: [Double]
    /// The draft head's first pass.
    private(set) var firstPass: Double
    /// A draft pass after the first, but for its blocks.
    private(set) var laterPass: Double
    /// A block of such a pass.
    let block: Double
    /// What else a round with a draft takes: commit, text, bookkeeping.
    let rest: Double
    /// The same for a round without.
    let plainRest: Double
    /// How much longer whole texts took than their rounds by the above, without a draft.
    var plainFactor = 1.0
    /// The same with one.
    var draftFactor = 1.0

    /// The most nodes of a tree that it knows.
    var nodeLimit: Int { target.count - 2 }

    /// The same where the target's rows are free: for trees whose size is given.
    var withFreeRows: CostCurve {
        var curve = self
        curve.target = [Double](repeating: target[target.count - 1], count: target.count)
        return curve
    }

    /// What a round costs a text that shares the target's passes and the head's with others, each with as many rows and
    /// blocks; beyond the rows that were timed, a row costs what the last ones did.
    func shared(by texts: Int) -> CostCurve {
        guard texts > 1, target.count > 2 else { return self }
        let last = target.count - 1
        let from = last / 2
        let slope = (target[last] - target[from]) / Double(last - from)
        var curve = self
        curve.target = target.indices.map { rows in
            let all = rows * texts
            let pass = all <= last ? target[all] : target[last] + Double(all - last) * slope
            return pass / Double(texts)
        }
        curve.firstPass = block + max(0, firstPass - block) / Double(texts)
        curve.laterPass /= Double(texts)
        return curve
    }

    /// One token by plain decoding.
    var plainRound: Double { (target[1] + plainRest) * plainFactor }

    /// A round that drafts a tree.
    ///
    /// - Parameters:
    ///   - passes: of the head; none where the text's own n-grams are drafted alone.
    ///   - blocks: of all draft passes after the first.
    func round(nodes: Int, passes: Int, blocks: Int) -> Double {
        let later = Double(max(0, passes - 1)) * laterPass + Double(blocks) * block
        let first = passes > 0 ? firstPass : 0
        return (target[min(nodes + 1, target.count - 1)] + first + rest + later) * draftFactor
    }

    func round(_ times: RoundTimes) -> Double {
        guard times.rows > 1 else { return plainRound }
        return round(
            nodes: times.rows - 1, passes: times.draftPasses,
            blocks: times.laterPasses.reduce(0) { $0 + $1.blocks })
    }

    /// A round with this tree; a plain one for a tree without nodes.
    func round(_ tree: TokenTree) -> Double {
        guard !tree.nodes.isEmpty else { return plainRound }
        return round(
            nodes: tree.nodes.count, passes: tree.passCount, blocks: tree.expansions.reduce(0) { $0 + $1.count })
    }
}

extension CostCurve: Encodable {
    private enum CodingKeys: String, CodingKey {
        case target = "target_milliseconds_by_rows", firstPass = "first_draft_pass_milliseconds"
        case laterPass = "later_draft_pass_milliseconds", block = "milliseconds_per_later_block"
        case rest = "other_milliseconds_per_round", plainRest = "other_milliseconds_per_plain_round"
    }

    private var told: [Int] { [1, 2, 4, 8, 16, 32, 64].filter { $0 < target.count } }

    package func encode(to encoder: any Encoder) throws {
        var object = encoder.container(keyedBy: CodingKeys.self)
        let rows = Dictionary(uniqueKeysWithValues: told.map { ("\($0)", 1000 * target[$0]) })
        try object.encode(rows, forKey: .target)
        try object.encode(1000 * firstPass, forKey: .firstPass)
        try object.encode(1000 * laterPass, forKey: .laterPass)
        try object.encode(1000 * block, forKey: .block)
        try object.encode(1000 * rest, forKey: .rest)
        try object.encode(1000 * plainRest, forKey: .plainRest)
    }

    /// The times in words, in milliseconds.
    package var summary: String {
        func number(_ seconds: Double) -> String { String(format: "%.2f", 1000 * seconds) }
        let rows = told.map { "\(number(target[$0])) with \($0)" }.joined(separator: ", ")
        return "a target pass takes (milliseconds with rows) \(rows); the first draft pass \(number(firstPass)), "
            + "each later one \(number(laterPass)) and \(number(block)) for a block"
    }
}
