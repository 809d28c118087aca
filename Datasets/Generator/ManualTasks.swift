/// Questions about the manual of a product that does not exist; the manual stands in the question.
enum ManualTasks {
    private struct Entry {
        let line: String
        let question: String
        let answer: String
    }

    private static let entries: [Entry] = [
        Entry(
            line: "To reset it, hold the {c} button for {n} seconds.",
            question: "[How do I reset the {p}?|My {p} hangs. What can I do?|What must I do to reset it?]",
            answer:
                "[Hold the {c} button for {n} seconds|To reset the {p}, hold the {c} button for {n} seconds][.|"
                + ", then it starts again.]"
        ),
        Entry(
            line: "Charging takes {n} hours with the {c} cable.",
            question:
                "[How long does charging take?|How do I charge the {p}?|Which cable do I need, and for how long?]",
            answer:
                "[Use the {c} cable; charging takes {n} hours.|Charging the {p} takes {n} hours with the {c} cable.]"),
        Entry(
            line: "A {c} light means that the battery is below {n} percent.",
            question:
                "[What does the {c} light mean?|Why does the {p} show a {c} light?|"
                + "My {p} shows a {c} light. Is it broken?]",
            answer:
                "[The {c} light means that the battery is below {n} percent.|"
                + "It is not broken: {c} means that the battery is below {n} percent.] "
                + "[Please charge it.|You should charge the {p} soon.]"),
        Entry(
            line: "Clean the {c} filter every {n} weeks with warm water.",
            question: "[How often must I clean the filter?|How do I clean the {p}?|What care does the {p} need?]",
            answer:
                "[Clean the {c} filter every {n} weeks with warm water.|"
                + "Every {n} weeks the {c} filter of the {p} is cleaned with warm water.]"
        ),
        Entry(
            line: "The {c} mode switches it off after {n} minutes.",
            question:
                "[What does the {c} mode do?|Why did the {p} switch itself off?|How can I make it stop by itself?]",
            answer:
                "[In {c} mode the {p} switches off after {n} minutes.|"
                + "The {c} mode switches it off after {n} minutes[.|, so choose it to make it stop.]]"
        ),
        Entry(
            line: "The {c} key sets the volume, from 1 to {n}.",
            question: "[How do I change the volume?|The {p} is too loud. What can I do?|What is the {c} key for?]",
            answer:
                "[Press the {c} key: it sets the volume, from 1 to {n}.|"
                + "The {c} key sets the volume of the {p}, from 1 to {n}.]"
        ),
    ]

    static func manual(_ random: inout SeededRandom) -> Dialogue {
        let product =
            random.pick(["Lumo", "Brisa", "Kettro", "Vento", "Piko", "Solva", "Nimbo", "Tiko"]) + " "
            + random.pick(["lamp", "fan", "kettle", "robot", "clock", "speaker", "heater"])
        let chosen = random.pick(3, from: entries)
        let colors = random.pick(3, from: Words.colors)
        let numbers = random.pick(3, from: Array(2...15))
        let values: [[String: any CustomStringConvertible]] = (0..<3).map {
            ["p": product, "c": colors[$0], "n": numbers[$0]]
        }
        let text = (0..<3).map { random.say(chosen[$0].line, values[$0]) }.joined(separator: " ").replacingArticles()
        let order = random.shuffled([0, 1, 2])
        func asked(_ place: Int, _ random: inout SeededRandom) -> (String, String) {
            (
                random.say(chosen[place].question, values[place]).replacingArticles(),
                random.say(chosen[place].answer, values[place])
            )
        }
        let first = asked(order[0], &random)
        let facts =
            "\(product) "
            + (0..<3).map { "\(chosen[$0].line.prefix(12)) \(colors[$0]) \(numbers[$0])" }.joined(separator: " ")
        var dialogue = Dialogue(
            facts,
            random.say("[Manual of the {p}|From the manual of the {p}|{p}, manual]: ", values[0]) + text + "\n"
                + first.0, first.1)
        if random.chance(percent: 35) {
            let second = asked(order[1], &random)
            dialogue.follow(second.0, second.1)
        }
        return dialogue
    }
}
