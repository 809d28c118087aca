import FalconDecoding
import FalconTensor
import Foundation

extension ComparisonReport {
    /// The figures of what is measured so far.
    package init(_ comparison: HeadComparison) {
        let options = comparison.options
        let logs = comparison.cells.map { LineLog<MeasuredDialogue>.read($0.file) }
        func cells(_ head: Int, _ tree: Int, _ questions: [Int]) -> [Int] {
            comparison.cells.indices.filter { index in
                let cell = comparison.cells[index]
                return cell.head == head && cell.tree == tree && questions.contains(cell.questions)
            }
        }
        target = options.target
        targetFingerprint = comparison.target.fingerprint
        trees = options.trees
        maxNewTokens = options.maximumTokens
        temperature = options.sampling.temperature
        lookup = options.addsLookup
        complete = zip(comparison.cells, logs).allSatisfy { cell, log in
            log.count >= comparison.questions[cell.questions].dialogues.count
        }
        questions = comparison.questions.enumerated().map { number, set in
            let turns = LineLog<PlainDialogue>.read(comparison.plainFile(set)).flatMap(\.turns)
            let timed = zip(comparison.cells, logs).filter { $0.0.questions == number }.flatMap { $0.1 }.flatMap(
                \.turns)
            let (plain, seconds) = ComparisonReport.plain(timed)
            return Questions(
                name: set.name, path: set.path, dialogues: set.dialogues.count, prompts: turns.count,
                loopingPrompts: turns.count(where: \.loops),
                generatedTokens: turns.reduce(0) { $0 + $1.tokens.count },
                tokensPerSecond: ratio(Double(plain.generatedTokens), seconds.total),
                millisecondsPerPass: ratio(
                    1000 * (seconds.verify + seconds.commit), Double(plain.targetPasses)))
        }
        heads = comparison.heads.enumerated().map { number, head in
            Head(
                name: head.name, note: head.note, blockSize: comparison.facts[number].first?.blockSize ?? 0,
                byteCount: comparison.facts[number].first?.byteCount ?? 0,
                members: head.members.map { Member(path: $0.path, folder: $0.folder, step: $0.step) })
        }
        let all = Array(comparison.questions.indices)
        let scopes =
            comparison.questions.enumerated().map { ($1.name, [$0]) } + (all.count > 1 ? [("all", all)] : [])
        var rows: [Row] = []
        for head in comparison.heads.indices {
            for tree in options.trees.indices {
                for (name, scope) in scopes {
                    let own = cells(head, tree, scope)
                    let seeds = comparison.heads[head].members.indices.map { member in
                        own.filter { comparison.cells[$0].member == member }.flatMap { logs[$0] }
                    }
                    rows.append(
                        Row(
                            head: comparison.heads[head].name, tree: options.trees[tree], questions: name, seeds: seeds,
                            of: scope.reduce(0) { $0 + comparison.questions[$1].dialogues.count }))
                }
            }
        }
        base = options.base
        for row in rows.indices {
            let other = rows.first {
                $0.head == options.base && $0.tree == rows[row].tree && $0.questions == rows[row].questions
            }
            guard let own = rows[row].acceptLengthWithoutLoops, let other = other?.acceptLengthWithoutLoops else {
                continue
            }
            rows[row].overBase = ratio(own.mean, other.mean)
        }
        self.rows = rows
        curves = comparison.heads.flatMap { head in
            head.members.compactMap { TrainingCurve(head: head.name, member: $0) }
        }
        equalTraining = EqualTraining(curves, heads: comparison.heads.map(\.name))
        let counts = logs.joined().compactMap(\.mismatched)
        mismatchedTokens = options.sampling.isGreedy ? counts.reduce(0, +) : nil
        formulas = ComparisonReport.allFormulas
    }

    /// What plain decoding took for some turns.
    fileprivate static func plain(_ turns: [MeasuredDialogue.Turn]) -> (AcceptStatistics, PhaseSeconds) {
        var (statistics, seconds) = (AcceptStatistics(), PhaseSeconds())
        for turn in turns {
            statistics.add(turn.plainStatistics)
            seconds.add(turn.plainSeconds)
        }
        return (statistics, seconds)
    }
}

/// `nil` where there is nothing to divide by.
private func ratio(_ part: Double, _ whole: Double) -> Double? { whole > 0 ? part / whole : nil }

/// What a seed's turns add up to.
private struct Pooled {
    var statistics = AcceptStatistics()
    var seconds = PhaseSeconds()
    let plain: (statistics: AcceptStatistics, seconds: PhaseSeconds)

    init(_ turns: [MeasuredDialogue.Turn]) {
        for turn in turns {
            statistics.add(turn.statistics)
            seconds.add(turn.seconds)
        }
        plain = ComparisonReport.plain(turns)
    }

    var draftMilliseconds: Double? { ratio(1000 * seconds.draft, Double(statistics.draftPasses)) }
    var plainMilliseconds: Double? {
        ratio(1000 * (plain.seconds.verify + plain.seconds.commit), Double(plain.statistics.targetPasses))
    }
    var speed: Double? { ratio(Double(statistics.generatedTokens), seconds.total) }
    var plainSpeed: Double? { ratio(Double(plain.statistics.generatedTokens), plain.seconds.total) }
}

extension ComparisonReport.Row {
    /// - Parameters:
    ///   - seeds: what each seed has measured.
    ///   - all: the dialogues that each is to measure.
    init(head: String, tree: String, questions: String, seeds: [[MeasuredDialogue]], of all: Int) {
        (self.head, self.tree, self.questions) = (head, tree, questions)
        (dialogues, ofDialogues) = (seeds.map(\.count).min() ?? 0, all)
        let measured = seeds.filter { !$0.isEmpty }
        let pooled = measured.map { Pooled($0.flatMap(\.turns)) }
        let calm = measured.map { Pooled($0.flatMap(\.turns).filter { !$0.loops }) }
        func figure(_ of: [Pooled], _ value: (Pooled) -> Double?) -> ComparisonReport.Figure? {
            ComparisonReport.Figure(of.compactMap(value))
        }
        /// Depths that some seeds never reached count as 0 there.
        func depths(_ of: [Pooled]) -> [ComparisonReport.Figure] {
            let shares = of.map(\.statistics.acceptanceByDepth)
            return (0..<(shares.map(\.count).max() ?? 0)).compactMap { depth in
                ComparisonReport.Figure(shares.map { depth < $0.count ? $0[depth] : 0 })
            }
        }
        acceptLength = figure(pooled) { $0.statistics.targetPasses > 0 ? $0.statistics.acceptLength : nil }
        acceptLengthWithoutLoops = figure(calm) { $0.statistics.targetPasses > 0 ? $0.statistics.acceptLength : nil }
        (acceptanceByDepth, acceptanceByDepthWithoutLoops) = (depths(pooled), depths(calm))
        draftMillisecondsPerPass = figure(pooled, \.draftMilliseconds)
        draftShareOfTargetPass = figure(pooled) { pooled in
            guard let own = pooled.draftMilliseconds, let plain = pooled.plainMilliseconds else { return nil }
            return ratio(own, plain)
        }
        tokensPerSecond = figure(pooled, \.speed)
        baselineTokensPerSecond = figure(pooled, \.plainSpeed)
        speedup = figure(pooled) { pooled in
            guard let own = pooled.speed, let plain = pooled.plainSpeed else { return nil }
            return ratio(own, plain)
        }
        generatedTokens = pooled.reduce(0) { $0 + $1.statistics.generatedTokens }
        targetPasses = pooled.reduce(0) { $0 + $1.statistics.targetPasses }
        draftPasses = pooled.reduce(0) { $0 + $1.statistics.draftPasses }
        let mismatches = measured.joined().compactMap(\.mismatched)
        mismatchedTokens = mismatches.isEmpty ? nil : mismatches.reduce(0, +)
        choice = measured.last?.last?.choice
    }
}
