import ArgumentParser

/// Options that would change nothing are wrong usage: whoever gives one expects something of it.
package enum OptionEffect {
    /// - Parameters:
    ///   - options: by name, and whether each was given.
    ///   - reason: what stands behind the name, e.g. "is for --regenerate."
    /// - Throws: `ValidationError` for the first that was given.
    package static func refuse(_ options: [(option: String, isGiven: Bool)], because reason: String) throws {
        if let first = options.first(where: \.isGiven) { throw ValidationError("\(first.option) \(reason)") }
    }

    /// Reads a seed.
    ///
    /// - Throws: `ValidationError` with the numbers that seeds may be.
    package static func seed(_ text: String) throws -> UInt64 {
        guard let seed = UInt64(text) else {
            throw ValidationError("give a whole number from 0 to \(UInt64.max).")
        }
        return seed
    }
}
