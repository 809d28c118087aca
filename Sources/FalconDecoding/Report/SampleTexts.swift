import FalconPictures
import FalconTensor
import FalconTokenizer

/// A few answers of a report, each drafted token on the colour of its depth.
enum SampleTexts {
    struct Sample {
        let id: String
        let category: String?
        let question: String
        let turn: AnsweredTurn
    }

    /// So many answers are shown, and so much of each.
    static let (mostSamples, mostTokens, mostQuestion) = (6, 400, 600)
    private static let colours = 8

    /// The first answer of each category, then the first of what is left.
    static func chosen(from dialogues: [AnsweredDialogue]) -> [Sample] {
        var seen: Set<String> = []
        var (first, rest): ([Sample], [Sample]) = ([], [])
        for dialogue in dialogues {
            guard let turn = dialogue.turns.first, first.count < mostSamples else { continue }
            let sample = Sample(
                id: dialogue.prompt.id, category: dialogue.prompt.category,
                question: dialogue.prompt.turns.first ?? "", turn: turn)
            if seen.insert(dialogue.prompt.category ?? "").inserted {
                first.append(sample)
            } else if rest.count < mostSamples {
                rest.append(sample)
            }
        }
        return Array((first + rest).prefix(mostSamples))
    }

    static func markup(_ sample: Sample, _ tokenizer: Tokenizer) -> String {
        let question =
            sample.question.count > mostQuestion ? sample.question.prefix(mostQuestion) + " …" : sample.question
        let statistics = sample.turn.decoded.statistics
        let end = sample.turn.finish == .stopText ? sample.turn.text.utf8.count : .max
        let pieces = AnswerPiece.pieces(of: sample.turn.decoded, tokenizer, limit: mostTokens, bytes: end).map {
            piece in
            let text = Markup.escaped(piece.text)
            return piece.depth == 0
                ? text : "<span class=\"d\((piece.depth - 1) % colours)\" title=\"depth \(piece.depth)\">\(text)</span>"
        }
        let isCut = sample.turn.decoded.tokens.count > mostTokens
        let category = sample.category.map { ", \(Markup.escaped($0))" } ?? ""
        return """
            <h3>\(Markup.escaped(sample.id))\(category): accept length \
            \(Markup.number(statistics.acceptLength, digits: 2)), \(counted(statistics.generatedTokens, "token"))\
            \(sample.turn.loops ? ", <b>loops</b>" : "")</h3>
            <p class="faint question">\(Markup.escaped(question))</p>
            <div class="text">\(pieces.joined())\(isCut ? " …" : "")</div>
            """
    }

    static var legend: String {
        let depths = (0..<colours).map {
            "<span class=\"d\($0)\"> \($0 + 1)\($0 == colours - 1 ? ", …" : "") </span>"
        }
        return "Drafted and accepted at depth \(depths.joined(separator: " ")); plain: the target's own token."
    }

    /// Colours that let black and white letters stand out alike.
    static let style: String = {
        let hues = [210, 150, 265, 30, 330, 185, 95, 0]
        return hues.enumerated().map { ".d\($0){background:hsl(\($1) 75% 55%/.32);border-radius:.2em}" }
            .joined(separator: "\n") + "\n.question{white-space:pre-wrap;overflow-wrap:anywhere}"
    }()
}
