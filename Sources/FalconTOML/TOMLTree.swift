/// A table while its document is read. TOML lets a table be written in several places, but each key once: so tables
/// remember how they came to be.
final class TOMLTree {
    enum Entry {
        case value(TOMLValue)
        case table(TOMLTree)
        /// `[[name]]`, one table for each time that it stands there.
        case tables([TOMLTree])
    }

    enum Origin {
        /// Named on the way to another table only; may still get a header of its own.
        case passed
        /// `[name]` or an element of `[[name]]`.
        case header
        /// By a dotted key, `name.key = value`; only further dotted keys may add to it.
        case dotted
    }

    private(set) var entries: [TOMLKey: Entry] = [:]
    private var origin: Origin

    init(_ origin: Origin) { self.origin = origin }

    /// The table of `[a.b.c]`, seen from the root.
    ///
    /// - Returns: `nil` where one of the names is taken by something else, or the table was written before.
    func table(at keys: [String]) -> TOMLTree? {
        guard let (parent, name) = parent(of: keys) else { return nil }
        switch parent.entries[name] {
        case nil:
            let table = TOMLTree(.header)
            parent.entries[name] = .table(table)
            return table
        case .table(let table)? where table.origin == .passed:
            table.origin = .header
            return table
        default: return nil
        }
    }

    /// Another table of `[[a.b.c]]`, seen from the root.
    func nextTable(at keys: [String]) -> TOMLTree? {
        guard let (parent, name) = parent(of: keys) else { return nil }
        let table = TOMLTree(.header)
        switch parent.entries[name] {
        case nil: parent.entries[name] = .tables([table])
        case .tables(let tables)?: parent.entries[name] = .tables(tables + [table])
        default: return nil
        }
        return table
    }

    /// Sets `a.b.c = value` within this table; false where one of the names is taken.
    func set(_ keys: [String], _ value: TOMLValue) -> Bool {
        var table = self
        for key in keys.dropLast().map(TOMLKey.init) {
            switch table.entries[key] {
            case nil:
                let next = TOMLTree(.dotted)
                table.entries[key] = .table(next)
                table = next
            case .table(let next)? where next.origin == .dotted: table = next
            default: return false
            }
        }
        guard let last = keys.last.map(TOMLKey.init), table.entries[last] == nil else { return false }
        table.entries[last] = .value(value)
        return true
    }

    private func parent(of keys: [String]) -> (TOMLTree, TOMLKey)? {
        var table = self
        for key in keys.dropLast().map(TOMLKey.init) {
            switch table.entries[key] {
            case nil:
                let next = TOMLTree(.passed)
                table.entries[key] = .table(next)
                table = next
            case .table(let next)?: table = next
            case .tables(let tables)?: table = tables[tables.count - 1]
            case .value?: return nil
            }
        }
        return keys.last.map { (table, TOMLKey($0)) }
    }

    var value: TOMLTable {
        var table = TOMLTable()
        for (key, entry) in entries {
            table[key.text] =
                switch entry {
                case .value(let value): value
                case .table(let table): .table(table.value)
                case .tables(let tables): .list(tables.map { .table($0.value) })
                }
        }
        return table
    }
}
