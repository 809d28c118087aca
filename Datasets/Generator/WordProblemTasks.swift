/// Little stories with people, things and one or two steps of arithmetic.
enum WordProblemTasks {
    static func wordProblem(_ random: inout SeededRandom) -> Dialogue {
        switch random.integer(0...5) {
        case 0: return gainAndLoss(&random)
        case 1: return shopping(&random)
        case 2: return sharing(&random)
        case 3: return trip(&random)
        case 4: return rows(&random)
        default: return reading(&random)
        }
    }

    private static func gainAndLoss(_ random: inout SeededRandom) -> Dialogue {
        let pair = random.pick(2, from: Words.people)
        let thing = random.pick(Words.objects)
        let (start, gain) = (random.integer(6...40), random.integer(3...20))
        let loss = random.integer(2...min(20, start + gain - 3))
        let (middle, left) = (start + gain, start + gain - loss)
        let values: [String: any CustomStringConvertible] = [
            "who": pair[0].name, "they": pair[0].subject, "friend": pair[1].name, "things": thing.many, "a": start,
            "b": gain, "c": loss, "m": middle, "r": left,
        ]
        let question = random.say(
            "{who} has {a} {things}. {^they} [finds|buys|gets] {b} more and [gives|hands|sells] {c} "
                + "[to {friend}|of them to {friend}]. How many {things} [does {who} have [now|left]|are left]?", values)
        let answer = random.say(
            "[{who} starts with {a} {things}|At first there are {a} {things}]. [With {b} more|After getting {b} more] "
                + "{they} has {a} + {b} = {m}. [Giving {c} to {friend}|"
                + "Then {c} go to {friend}, which] leaves {m} - {c} = {r}. "
                + "[So {who} has {r} {things}.|The answer is {r} {things}.]", values)
        var dialogue = Dialogue("\(pair[0].name) \(thing.one) \(start) \(gain) \(loss)", question, answer)
        if random.chance(percent: 30) {
            let more = random.integer(2...9)
            dialogue.follow(
                random.say(
                    "[And if {friend} gives {d} back?|What if {friend} returns {d} of them?|"
                        + "Later {friend} gives {d} back. How many now?]",
                    ["friend": pair[1].name, "d": min(more, loss)]),
                random.say(
                    "Then {who} has {r} + {d} = {t} {things}.",
                    [
                        "who": pair[0].name, "r": left, "d": min(more, loss), "t": left + min(more, loss),
                        "things": thing.many,
                    ]))
        }
        return dialogue
    }

    private static func shopping(_ random: inout SeededRandom) -> Dialogue {
        let person = random.pick(Words.people)
        let food = random.pick(Words.foods)
        let (count, price) = (random.integer(2...9), random.integer(2...9))
        let cost = count * price
        let paid = [20, 50, 100].first { $0 > cost } ?? 100
        let values: [String: any CustomStringConvertible] = [
            "who": person.name, "they": person.subject, "n": count, "foods": food.many, "food": food.one, "p": price,
            "cost": cost, "paid": paid, "back": paid - cost,
        ]
        let question = random.say(
            "{who} buys {n} {foods} [for|at] {p} [dollars|euros] each and pays with [a note of {paid}|a {paid} note]. "
                + "How much [change|money] does {they} get back?", values)
        let answer = random.say(
            "[The {foods} cost|{^n} {foods} cost|Together the {foods} cost] {n} x {p} = {cost}. [From {paid}|"
                + "{who} pays {paid}, so] "
                + "[that leaves|there remain] {paid} - {cost} = {back}. [{who} gets {back} back.|"
                + "The change is {back}.]",
            values)
        var dialogue = Dialogue("\(person.name) \(food.one) \(count) \(price)", question, answer)
        if random.chance(percent: 30), cost + price < paid {
            dialogue.follow(
                random.say("[And if {they} buys one more {food}?|What if it were one {food} more?]", values),
                random.say(
                    "[Then the cost is|One more makes it] {cost} + {p} = {more}, [and|"
                        + "so] the change is {paid} - {more} = {left}.",
                    values.merging(["more": cost + price, "left": paid - cost - price]) { old, _ in old }))
        }
        return dialogue
    }

    private static func sharing(_ random: inout SeededRandom) -> Dialogue {
        let person = random.pick(Words.people)
        let food = random.pick(Words.foods)
        let (friends, each, rest) = (random.integer(2...8), random.integer(2...12), random.integer(0...1))
        let total = friends * each + rest
        let values: [String: any CustomStringConvertible] = [
            "who": person.name, "they": person.subject, "total": total, "foods": food.many, "f": friends, "e": each,
            "shared": friends * each,
        ]
        let question = random.say(
            "{who} [shares|divides] {total} {foods} [equally among|fairly between] {f} friends. "
                + "How many {foods} does each friend get[?|, and how many are left?]", values)
        let answer = random.say(
            rest == 0
                ? "[Divide|We divide] {total} by {f}: {total} / {f} = {e}, because {f} x {e} = {total}. "
                    + "[Each friend gets {e} {foods} and nothing is left.|Every friend gets {e}, with none left over.]"
                : "{f} x {e} = {shared}, [and one more round would be too many|which is one less than {total}]. "
                    + "[Each friend gets {e} {foods} and 1 is left.|So everyone gets {e}, and 1 is left over.]", values)
        return Dialogue("\(person.name) \(food.one) \(total)/\(friends)", question, answer)
    }

    private static func trip(_ random: inout SeededRandom) -> Dialogue {
        let cities = random.pick(2, from: Words.cities)
        let vehicle = random.pick(["train", "bus", "car", "van", "boat", "tram"])
        let (speed, hours) = (10 * random.integer(2...12), random.integer(2...9))
        let values: [String: any CustomStringConvertible] = [
            "v": vehicle, "from": cities[0], "to": cities[1], "s": speed, "h": hours, "d": speed * hours,
        ]
        let forward = random.chance(percent: 60)
        let question = random.say(
            forward
                ? "A {v} [leaves {from} for|goes from {from} to] {to} at {s} km per hour and [needs|takes] {h} hours. "
                    + "[How far is it?|How long is the way?]"
                : "A {v} goes from {from} to {to}, {d} km, at {s} km per hour. How [long does it take|"
                    + "many hours does it need]?",
            values)
        let answer = random.say(
            forward
                ? "[Distance is speed times time|In each hour the {v} covers {s} km]: {s} x {h} = {d}. "
                    + "[It is {d} km from {from} to {to}.|So the way to {to} is {d} km long.]"
                : "[Time is distance divided by speed|Divide the distance by the speed]: {d} / {s} = {h}. "
                    + "[The {v} needs {h} hours.|So the trip to {to} takes {h} hours.]", values)
        return Dialogue("\(vehicle) \(cities[0]) \(cities[1]) \(speed) \(hours) \(forward)", question, answer)
    }

    private static func rows(_ random: inout SeededRandom) -> Dialogue {
        let place = random.pick(["hall", "cinema", "theatre", "tent", "classroom", "ferry"])
        let (count, seats) = (random.integer(3...12), random.integer(4...12))
        let total = count * seats
        let taken = random.integer(3...(total - 4))
        let values: [String: any CustomStringConvertible] = [
            "place": place, "n": count, "s": seats, "t": total, "k": taken, "f": total - taken,
        ]
        let question = random.say(
            "A {place} has {n} rows [of {s} seats|with {s} seats each]. {k} seats are [taken|already taken|booked]. "
                + "How many [seats are free|are still free]?", values)
        let answer = random.say(
            "[There are|The {place} has] {n} x {s} = {t} seats [in all|altogether]. {t} - {k} = {f}, "
                + "so {f} seats are [free|still free].", values)
        return Dialogue("\(place) \(count) \(seats) \(taken)", question, answer)
    }

    private static func reading(_ random: inout SeededRandom) -> Dialogue {
        let person = random.pick(Words.people)
        let (perDay, days) = (random.integer(4...20), random.integer(3...12))
        let verb = random.pick([
            ("reads", "pages", "book"), ("knits", "rows", "scarf"), ("solves", "tasks", "workbook"),
        ])
        let values: [String: any CustomStringConvertible] = [
            "who": person.name, "they": person.subject, "verb": verb.0, "units": verb.1, "work": verb.2, "p": perDay,
            "d": days, "t": perDay * days,
        ]
        let question = random.say(
            "{who} {verb} {p} {units} [a|every|each] day. [The {work} has {t} {units}.|"
                + "There are {t} {units} in the {work}.] "
                + "[How many days does {they} need?|After how many days is {they} done?]", values)
        let answer = random.say(
            "[With {p} {units} a day|At {p} {units} a day], {who} needs {t} / {p} = {d} days. "
                + "[That is because {d} x {p} = {t}.|Check: {d} x {p} = {t}.]", values)
        return Dialogue("\(person.name) \(verb.0) \(perDay) \(days)", question, answer)
    }
}
