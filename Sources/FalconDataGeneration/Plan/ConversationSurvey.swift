import FalconTensor
import Synchronization

/// What becomes of each row of the input before it meets the target: how many tokens it has, or why it is left out.
struct ConversationSurvey {
    /// One row.
    enum Row: Equatable {
        case used(tokens: Int, lossTokens: Int, isTruncated: Bool)
        case rejected(Rejection)

        /// 0 where it is left out.
        var tokens: Int {
            if case .used(let tokens, _, _) = self { tokens } else { 0 }
        }
    }

    let rows: [Row]

    /// Encodes all rows of the input, some at a time.
    init(_ count: Int, on pool: ThreadPool, encode: (Int) throws(Rejection) -> Conversation) {
        let piece = 32
        let pieces = (count + piece - 1) / piece
        let results = Mutex<[Int: [Row]]>([:])
        pool.run(pieces) { number in
            let rows = ((number * piece)..<min((number + 1) * piece, count)).map { index in
                do throws(Rejection) {
                    let conversation = try encode(index)
                    return Row.used(
                        tokens: conversation.tokens.count, lossTokens: conversation.lossMask.count { $0 == 1 },
                        isTruncated: conversation.isTruncated)
                } catch {
                    return Row.rejected(error)
                }
            }
            results.withLock { $0[number] = rows }
        }
        let all = results.withLock { $0 }
        rows = (0..<pieces).flatMap { all[$0] ?? [] }
    }

    /// Tokens of all rows that are used.
    var tokens: Int { rows.reduce(0) { $0 + $1.tokens } }
}
