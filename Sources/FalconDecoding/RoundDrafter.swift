import FalconDraft
import FalconModels
import FalconTensor

/// Drafts the rounds of one text.
protocol RoundDrafter: AnyObject {
    /// The most rows of a round's pass: the newest token and the nodes of the largest tree.
    var treeRows: Int { get }

    /// Whether it asks for the features of what is committed; without, those of prompts need not be kept for it.
    var wantsFeatures: Bool { get }

    /// What the next round does.
    ///
    /// - Parameters:
    ///   - choice: of the text; drafting may draw from it.
    ///   - room: how deep a tree is worth drafting.
    func next(_ choice: inout TokenChoice, room: Int) -> DraftedRound

    /// Takes in what a pass committed.
    ///
    /// - Parameters:
    ///   - features: `[positions, hidden]`: of the whole prompt at first, where it wants features, then of each round's
    ///     positions. The states that the engine's passes give stand beside them (`AuxiliaryLayers`).
    ///   - nextTokens: the token after each of them.
    func committed(_ features: Tensor, nextTokens: [Int32])

    /// Takes in what a round took that had a pass for itself.
    func timed(_ round: RoundTimes)

    /// What drafts the next round's tree with a head, where a head is asked for one: it can do so beside other texts'.
    /// Asked once before each `next`, with the same room, or not at all.
    func headDrafter(room: Int) -> HeadDrafter?
}

extension RoundDrafter {
    var wantsFeatures: Bool { true }
    func headDrafter(room: Int) -> HeadDrafter? { nil }
}

/// One round of a text, before the target has seen it.
enum DraftedRound {
    /// The newest token alone.
    case plain
    /// A tree below it, and the seconds in which the head took in what was committed before.
    case draft(TokenChoice.Draft, extend: Double)
    /// The text ends before its time.
    case end
}

/// Drafts with a head.
final class HeadDrafter: RoundDrafter {
    /// What a round is to do.
    enum Round {
        case plain, draft(TokenTree), grow(DynamicTree)
        /// Ends the text before its time.
        case end

        /// `nil` for a plan that drafts nothing.
        init?(_ plan: TreePlanner.Plan) {
            if let dynamic = plan.dynamic {
                self = .grow(dynamic)
            } else if let tree = plan.tree {
                self = .draft(tree)
            } else {
                return nil
            }
        }
    }

    let treeRows: Int
    private let session: DraftSession
    /// Layers whose states stand beside the features that it is given.
    private let states: [Int]
    private let pool: ThreadPool
    private let clock: SecondsClock
    private let round: () -> Round
    private let observe: (RoundTimes) -> Void
    /// What the head has not seen yet: it looks on only when it drafts.
    private var unseen: [(features: Tensor, nextTokens: [Int32])] = []
    /// What the next round is to do, where that was asked for already.
    private var planned: Round?
    /// What was drafted for the next round beside other texts.
    private var prepared: TokenChoice.Draft?

    /// - Parameters:
    ///   - states: layers whose states stand beside the features that passes give; those of the head are among them.
    ///   - positions: the most positions of the text.
    ///   - treeRows: the most rows of a target's pass.
    ///   - observe: gets the times of each round.
    ///   - round: asked before each round.
    init(
        head: DraftHead, states: [Int], positions: Int, treeRows: Int, alignment: DraftSession.Alignment,
        pool: ThreadPool,
        clock: @escaping SecondsClock, observe: @escaping (RoundTimes) -> Void = { _ in },
        round: @escaping () -> Round
    ) {
        session = DraftSession(
            head: head, capacity: positions, branchRows: treeRows * head.blockSize, alignment: alignment)
        self.states = states
        (self.treeRows, self.pool, self.clock, self.observe, self.round) = (treeRows, pool, clock, observe, round)
    }

    func next(_ choice: inout TokenChoice, room: Int) -> DraftedRound {
        if let prepared {
            self.prepared = nil
            return .draft(prepared, extend: 0)
        }
        let start = clock()
        let round = planned ?? round()
        planned = nil
        switch round {
        case .end: return .end
        case .plain: return .plain
        case .draft, .grow:
            for seen in unseen { session.extend(features: seen.features, nextTokens: seen.nextTokens, on: pool) }
            unseen = []
            let extend = clock() - start
            if case .grow(let dynamic) = round {
                return .draft(
                    choice.draft(.growing(dynamic, deepest: room), session: session, clock: clock), extend: extend)
            }
            guard case .draft(let tree) = round else { return .plain }
            return .draft(
                choice.draft(.tree(tree.limited(toDepth: room)), session: session, clock: clock), extend: extend)
        }
    }

    func committed(_ features: Tensor, nextTokens: [Int32]) {
        let configuration = session.head.configuration
        let own = AuxiliaryLayers.rows(
            features, of: configuration.auxiliaryLayers, from: states, hidden: configuration.model.hiddenSize)
        unseen.append((own, nextTokens))
    }

    func timed(_ round: RoundTimes) { observe(round) }

    func headDrafter(room: Int) -> HeadDrafter? { self }

    /// Drafts the next rounds of those texts that draft with one head, together: their `next` then gives what was
    /// drafted.
    static func draftTogether(_ texts: [TextInProgress], on pool: ThreadPool, clock: SecondsClock) {
        var drafting: [(text: TextInProgress, drafter: HeadDrafter, shape: DraftsTogether.Shape)] = []
        for text in texts where text.canDraft {
            guard let drafter = text.drafter?.headDrafter(room: text.room),
                drafter.session.head === drafting.first?.drafter.session.head ?? drafter.session.head,
                let shape = drafter.nextShape(room: text.room)
            else { continue }
            drafting.append((text, drafter, shape))
        }
        guard drafting.count > 1 else { return }
        let start = clock()
        DraftSession.extend(
            drafting.filter { !$0.drafter.unseen.isEmpty }.map { _, drafter, _ in
                (
                    drafter.session, .stacked(drafter.unseen.map(\.features)), drafter.unseen.flatMap(\.nextTokens)
                )
            }, on: pool)
        let drafts = DraftsTogether(
            drafting.map { text, drafter, shape in .init(drafter.session, shape, text.choice) }, on: pool)
        let share = (clock() - start) / Double(drafting.count)
        for ((text, drafter, _), part) in zip(drafting, drafts.parts) {
            (drafter.unseen, drafter.planned, drafter.prepared) = ([], nil, part.draft())
            (text.choice, text.sharedDraftSeconds) = (part.choice, share)
        }
    }

    /// What the next round drafts; `nil` where it drafts nothing.
    private func nextShape(room: Int) -> DraftsTogether.Shape? {
        let round = planned ?? round()
        planned = round
        switch round {
        case .plain, .end: return nil
        case .draft(let tree): return .tree(tree.limited(toDepth: room))
        case .grow(let tree): return .growing(tree, deepest: room)
        }
    }
}
