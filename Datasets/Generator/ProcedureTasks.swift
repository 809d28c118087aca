/// Mixed-up steps of everyday work that must be put into order.
enum ProcedureTasks {
    private static let procedures: [(name: String, steps: [String])] = [
        (
            "making tea",
            ["boil the water", "put the tea into the cup", "pour the water", "wait three minutes", "take out the tea"]
        ),
        ("planting a tree", ["dig a hole", "set the tree into the hole", "fill in the earth", "water the tree"]),
        (
            "posting a letter",
            [
                "write the letter", "put it into an envelope", "write the address", "stick on a stamp",
                "take it to the post office",
            ]
        ),
        (
            "washing clothes",
            ["sort the clothes", "load the machine", "add soap", "start the machine", "hang up the clothes"]
        ),
        (
            "baking bread",
            ["mix flour and water", "knead the dough", "let the dough rest", "bake the loaf", "let it cool"]
        ),
        (
            "fixing a flat tyre",
            ["take off the wheel", "find the hole", "glue on a patch", "pump up the tyre", "put the wheel back"]
        ),
        (
            "borrowing a book",
            [
                "look for the book", "take it from the shelf", "show your card", "read it at home",
                "bring it back in time",
            ]
        ),
        (
            "painting a room",
            ["move the furniture", "cover the floor", "mix the paint", "paint the walls", "let the paint dry"]
        ),
        (
            "taking the train",
            ["buy a ticket", "find the platform", "get on the train", "look for a seat", "get off at your stop"]
        ),
        (
            "making a kite",
            ["cut two sticks", "tie them in a cross", "glue on the paper", "fix the string", "wait for wind"]
        ),
    ]

    static func procedure(_ random: inout SeededRandom) -> Dialogue {
        let chosen = random.pick(procedures)
        let count = random.integer(3...min(4, chosen.steps.count))
        let kept = random.pick(count, from: Array(chosen.steps.indices)).sorted()
        let steps = kept.map { chosen.steps[$0] }
        var mixed = random.shuffled(steps)
        if mixed == steps { mixed.swapAt(0, 1) }
        let who = random.pick(Words.names)
        let values: [String: any CustomStringConvertible] = [
            "name": chosen.name, "who": who, "mixed": mixed.joined(separator: "; "), "first": steps[0],
            "last": steps[count - 1],
        ]
        let question = random.say(
            "[Put the steps of {name} in order|{who} mixed up the steps of {name}. Put them right|"
                + "In which order do these steps of {name} come]: {mixed}[.|]", values)
        let middle = steps.dropFirst().dropLast().enumerated().map { place, step in
            (place == 0 ? random.pick(["Then", "Next,", "After that,"]) : random.pick(["Now", "Then"])) + " " + step
                + "."
        }.joined(separator: " ")
        let answer =
            random.say("[First, {first}.|You start like this: {first}.|To begin, {first}.] ", values) + middle
            + random.say(" [At the end, {last}.|Finally, {last}.|Last of all, {last}.]", values)
        var dialogue = Dialogue("\(chosen.name) \(mixed.joined(separator: ";")) \(who)", question, answer)
        if random.chance(percent: 40) {
            let place = random.integer(0...(count - 2))
            switch random.integer(0...1) {
            case 0:
                dialogue.follow(
                    random.say("[What comes right after \"{s}\"?|What do I do after \"{s}\"?]", ["s": steps[place]]),
                    random.say(
                        "After \"{s}\" [comes|you go on with] \"{n}\".", ["s": steps[place], "n": steps[place + 1]]))
            default:
                dialogue.follow(
                    random.say(
                        "[Which step is the last one?|And what is the last step?|What do I do at the very end?]"),
                    random.say("[The last step is|At the very end]: {last}.", values))
            }
        }
        return dialogue
    }
}
