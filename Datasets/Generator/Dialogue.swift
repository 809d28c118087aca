/// One exchange: what the person asks and what the assistant answers.
struct Turn {
    let question: String
    let answer: String
}

/// A chat as a task makes it. `facts` names everything the first question is about (numbers, names, attributes) but not
/// how it is worded: equal facts are the same exercise, and the split into training and held-out is by their hash.
struct Dialogue {
    let facts: String
    var turns: [Turn]

    init(_ facts: String, _ question: String, _ answer: String) {
        self.facts = facts
        turns = [Turn(question: question, answer: answer)]
    }

    mutating func follow(_ question: String, _ answer: String) {
        turns.append(Turn(question: question, answer: answer))
    }
}

/// A kind of task: its name is the category of its questions, `weight` its share of the dialogues.
struct TaskKind {
    let name: String
    let weight: Int
    let make: (inout SeededRandom) -> Dialogue
}

/// One line of JSON; only strings, integers and lists are ever written, so no encoder is needed.
func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\n": result += "\\n"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}

/// ShareGPT's layout: {"id", "conversations": [{"from": "human" | "gpt", "value"}]}.
func shareGPT(id: String, _ dialogue: Dialogue) -> String {
    let messages = dialogue.turns.map { turn in
        "{\"from\":\"human\",\"value\":\(quoted(turn.question))},{\"from\":\"gpt\",\"value\":\(quoted(turn.answer))}"
    }
    return "{\"id\":\(quoted(id)),\"conversations\":[\(messages.joined(separator: ","))]}"
}

/// A line of EAGLE's question.jsonl: {"question_id", "category", "turns", "reference"}.
func question(number: Int, category: String, _ dialogue: Dialogue) -> String {
    let turns = dialogue.turns.map { quoted($0.question) }.joined(separator: ", ")
    let reference = dialogue.turns.map { quoted($0.answer) }.joined(separator: ", ")
    return "{\"question_id\": \(number), \"category\": \(quoted(category)), "
        + "\"turns\": [\(turns)], \"reference\": [\(reference)]}"
}
