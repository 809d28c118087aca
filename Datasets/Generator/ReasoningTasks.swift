/// Yes or no with a reason, comparisons, and walks on a grid.
enum ReasoningTasks {
    static func yesNo(_ random: inout SeededRandom) -> Dialogue {
        switch random.integer(0...4) {
        case 0: return parity(&random)
        case 1: return order(&random)
        case 2: return membership(&random)
        case 3: return opening(&random)
        default: return divisible(&random)
        }
    }

    private static func parity(_ random: inout SeededRandom) -> Dialogue {
        let number = random.integer(10...999)
        return Dialogue(
            "even \(number)",
            random.say("[Is {n} an even number?|Is {n} even?|Tell me if {n} is even.]", ["n": number]),
            NumberTasks.evenness(number, &random))
    }

    private static func order(_ random: inout SeededRandom) -> Dialogue {
        let people = random.pick(3, from: Words.names)
        let word = random.pick(["taller", "older", "faster", "stronger", "younger"])
        let asked = random.pick([(0, 2), (2, 0), (0, 1), (2, 1)])
        let values: [String: any CustomStringConvertible] = [
            "a": people[0], "b": people[1], "c": people[2], "w": word, "x": people[asked.0], "y": people[asked.1],
        ]
        let question = random.say(
            "{a} is {w} than {b}[. |, and ]{b} is {w} than {c}. Is {x} {w} than {y}?", values)
        let reason: String
        switch asked {
        case (0, 2): reason = "Yes. {a} is {w} than {b}, and {b} is {w} than {c}, so {a} is {w} than {c}[.| too.]"
        case (2, 0): reason = "No. {a} is {w} than {b} and {b} is {w} than {c}, so it is {a} who is {w} than {c}."
        case (0, 1): reason = "Yes, [the text says so|that is said directly]: {a} is {w} than {b}."
        default: reason = "No, it is the other way round: {b} is {w} than {c}."
        }
        var dialogue = Dialogue("\(people.joined(separator: " ")) \(word)", question, random.say(reason, values))
        if random.chance(percent: 35) {
            dialogue.follow(
                random.say("[Who is the {w}est of the three?|And who is the {w}est?]", ["w": word.dropLast(2)]),
                random.say(
                    "[That is {a}, who is {w} than both others.|{a} is the {s}est, then {b}, then {c}.]",
                    values.merging(["s": word.dropLast(2)]) { old, _ in old }))
        }
        return dialogue
    }

    private static func membership(_ random: inout SeededRandom) -> Dialogue {
        let thing = random.pick(Words.objects)
        let box = random.pick(["box", "drawer", "basket", "bag", "cupboard"])
        let color = random.pick(Words.colors)
        let truth = random.chance(percent: 50)
        let asked = truth ? color : random.pick(Words.colors.filter { $0 != color })
        let who = random.pick(Words.names)
        let values: [String: any CustomStringConvertible] = [
            "things": thing.many, "thing": thing.one, "a": withArticle(thing.one), "box": box, "color": color,
            "asked": asked, "who": who,
        ]
        let question = random.say(
            "All {things} in the {box} are {color}. {who} takes {a} [out of|from] the {box}. Is it {asked}?", values)
        let answer = random.say(
            truth
                ? "Yes. [It comes from|{who} took it from] the {box}, and "
                    + "all {things} there are {color}, so this {thing} is {color} too."
                : "No. [It comes from|{who} took it from] the {box}, and "
                    + "all {things} there are {color}, so it is {color} and not {asked}.",
            values)
        return Dialogue("\(thing.one) \(box) \(color) \(asked)", question, answer)
    }

    private static func opening(_ random: inout SeededRandom) -> Dialogue {
        let place = random.pick(Words.places)
        let (from, to) = (random.integer(6...11), random.integer(14...21))
        let hour = random.integer(5...22)
        let open = from <= hour && hour < to
        let values: [String: any CustomStringConvertible] = ["place": place, "from": from, "to": to, "h": hour]
        let question = random.say(
            "{^place} opens at {from}:00 and closes at {to}:00. [Is it open at {h}:30?|Can I go there at {h}:30?]",
            values)
        let answer = random.say(
            open
                ? "Yes, {h}:30 [is|lies] between {from}:00 and {to}:00, so {place} is open."
                : hour < from
                    ? "No, {h}:30 is too early, because {place} opens at {from}:00."
                    : "No, {h}:30 is too late, because {place} closes at {to}:00.", values)
        var dialogue = Dialogue("\(place) \(from) \(to) \(hour)", question, answer)
        if random.chance(percent: 35) {
            dialogue.follow(
                random.say("[How many hours is it open?|For how many hours is it open each day?]"),
                random.say(
                    "From {from} to {to} [it is|that makes] {to} - {from} = {n} hours.",
                    values.merging(["n": to - from]) { old, _ in old }))
        }
        return dialogue
    }

    private static func divisible(_ random: inout SeededRandom) -> Dialogue {
        let divisor = random.integer(3...9)
        let times = random.integer(3...15)
        let rest = random.chance(percent: 50) ? 0 : random.integer(1...(divisor - 1))
        let number = divisor * times + rest
        let values: [String: any CustomStringConvertible] = [
            "n": number, "d": divisor, "t": times, "p": divisor * times, "r": rest,
        ]
        let question = random.say(
            "[Is {n} divisible by {d}?|Can {n} be divided by {d} without a remainder?|Does {d} go into {n} evenly?]",
            values)
        let answer = random.say(
            rest == 0
                ? "Yes, because {d} x {t} = {n}[.|, with no remainder.]"
                : "No, because {d} x {t} = {p}, [and that leaves|with a remainder of] {n} - {p} = {r}.", values)
        return Dialogue("divide \(number) \(divisor)", question, answer)
    }

    static func comparison(_ random: inout SeededRandom) -> Dialogue {
        let thing = random.pick([
            "tent", "bicycle", "lamp", "jacket", "radio", "chair", "kettle", "backpack", "watch", "desk",
        ])
        let names = random.pick(2, from: ["Alpa", "Boro", "Cima", "Duna", "Elmo", "Fira", "Gano", "Hilo"])
        let prices = random.pick(2, from: Array(12...90))
        let weights = random.pick(2, from: Array(2...15))
        let (cheap, light) = (prices[0] < prices[1] ? 0 : 1, weights[0] < weights[1] ? 0 : 1)
        let values: [String: any CustomStringConvertible] = [
            "thing": thing, "a": names[0], "b": names[1], "pa": prices[0], "pb": prices[1], "wa": weights[0],
            "wb": weights[1],
            "cheap": names[cheap], "dear": names[1 - cheap], "pc": prices[cheap], "pd": prices[1 - cheap],
            "dp": prices[1 - cheap] - prices[cheap], "light": names[light], "heavy": names[1 - light],
            "wl": weights[light],
            "wh": weights[1 - light], "dw": weights[1 - light] - weights[light],
        ]
        let price = (
            random.say("[Which one is cheaper, and by how much?|Which {thing} costs less?]", values),
            random.say(
                "[The {cheap} is cheaper|The {cheap} costs less]: {pc} against {pd} euros, "
                    + "that is {pd} - {pc} = {dp} euros less.",
                values)
        )
        let weight = (
            random.say("[Which one is lighter, and by how much?|Which {thing} weighs less?]", values),
            random.say(
                "[The {light} is lighter|The {light} weighs less]: {wl} kg against {wh} kg for the {heavy}, "
                    + "so {wh} - {wl} = {dw} kg less.",
                values)
        )
        let both = (
            random.say("[Which one should I buy?|Which {thing} is the better choice?]", values),
            cheap == light
                ? random.say(
                    "[Take the {cheap}|I would take the {cheap}]: "
                        + "it is both cheaper ({pc} euros) and lighter ({wl} kg).",
                    values)
                : random.say(
                    "It depends: the {cheap} is cheaper ({pc} euros), [but|while] the {light} is lighter ({wl} kg).",
                    values)
        )
        let asked = random.shuffled([price, weight, both])
        let question =
            random.say(
                "[The {thing} {a} costs {pa} euros and weighs {wa} kg. "
                    + "The {thing} {b} costs {pb} euros and weighs {wb} kg. |"
                    + "{^thing} {a}: {pa} euros, {wa} kg. {^thing} {b}: {pb} euros, {wb} kg. ]", values) + asked[0].0
        var dialogue = Dialogue("\(thing) \(names) \(prices) \(weights)", question, asked[0].1)
        if random.chance(percent: 35) { dialogue.follow(asked[1].0, asked[1].1) }
        return dialogue
    }

    static func grid(_ random: inout SeededRandom) -> Dialogue {
        let (x, y) = (random.integer(3...12), random.integer(3...12))
        let (across, up) = (random.integer(2...9), random.integer(2...9))
        let (east, north) = (random.chance(percent: 60) || across > x, random.chance(percent: 60) || up > y)
        let mover = random.pick(["robot", "boat", "drone", "walker", "snail", "rover"])
        var (endX, endY) = (east ? x + across : x - across, north ? y + up : y - up)
        let values: [String: any CustomStringConvertible] = [
            "m": mover, "x": x, "y": y, "n": across, "k": up, "h": east ? "east" : "west",
            "v": north ? "north" : "south",
            "hs": east ? "+" : "-", "vs": north ? "+" : "-", "ex": endX, "ey": endY,
        ]
        let question = random.say(
            "A {m} [stands|starts] at ({x}, {y}). It [moves|"
                + "goes] {n} [steps ][{h}] and {k} [steps ][{v}]. [Where is it now?|Where does it end?]",
            values)
        let answer = random.say(
            "[Going {h} changes x: {x} {hs} {n} = {ex}. Going {v} changes y|First x: {x} {hs} {n} = {ex}. Then y]: "
                + "{y} {vs} {k} = {ey}. "
                + "[The {m} is at ({ex}, {ey}).|It ends at ({ex}, {ey}).]", values)
        var dialogue = Dialogue("\(x) \(y) \(east ? across : -across) \(north ? up : -up)", question, answer)
        if random.chance(percent: 35) {
            let more = random.integer(1...6)
            let goesUp = random.chance(percent: 50)
            (endX, endY) = goesUp ? (endX, endY + more) : (endX + more, endY)
            dialogue.follow(
                random.say(
                    "[Then it goes {n} more {d}.|And after {n} more {d}?|Now {n} {d}.]",
                    ["n": more, "d": goesUp ? "north" : "east"]),
                random.say(
                    "[Now only {axis} changes|That changes {axis}]: {old} + {n} = {new}, so it is at ({x}, {y}).",
                    [
                        "axis": goesUp ? "y" : "x", "old": goesUp ? endY - more : endX - more, "n": more,
                        "new": goesUp ? endY : endX,
                        "x": endX, "y": endY,
                    ]))
        }
        return dialogue
    }
}
