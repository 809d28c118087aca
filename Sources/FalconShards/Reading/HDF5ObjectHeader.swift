import FalconTensor

/// The messages that describe one object of an HDF5 file (File Format Specification 3.0, section IV.A).
///
/// Both forms are read: version 1, which the library writes by default, and version 2 of the newer format.
struct HDF5ObjectHeader {
    /// The kinds of message that are read.
    enum Kind: Int {
        case dataspace = 0x01, linkInformation = 0x02, datatype = 0x03, link = 0x06, layout = 0x08
        case filterPipeline = 0x0b, attribute = 0x0c, continuation = 0x10, symbolTable = 0x11
        case attributeInformation = 0x15
    }

    let file: MappedFile
    private var messages: [(kind: Kind, isShared: Bool, range: Range<Int>)] = []
    /// A header is cut into blocks; a damaged one must not lead in circles.
    private static let mostBlocks = 256

    init(_ file: MappedFile, at address: Int) throws {
        self.file = file
        var start = try HDF5Cursor(file, at: address)
        let isNewForm = file.count - address >= 4 && file.bytes(address..<(address + 4)) == Array("OHDR".utf8)
        var extra = 0
        var blocks: [Range<Int>]
        if isNewForm {
            try start.expect("OHDR")
            guard try start.number(1) == 2 else { throw start.problem("an object header has an unknown version") }
            let flags = try start.number(1)
            // Bit 5: times; bit 4: limits for attributes; bit 2: each message carries its order of creation.
            try start.skip((flags >> 5 & 1) * 16 + (flags >> 4 & 1) * 4)
            extra = (flags >> 2 & 1) * 2
            let length = try start.number(1 << (flags & 3))
            blocks = [try start.take(length)]
        } else {
            guard try start.number(1) == 1 else { throw start.problem("an object header has an unknown version") }
            try start.skip(7)
            let length = try start.number(4)
            try start.skip(4)
            blocks = [try start.take(length)]
        }
        var next = 0
        while next < blocks.count {
            guard next < HDF5ObjectHeader.mostBlocks else { throw start.problem("an object header has no end") }
            try read(blocks[next], isNewForm, extra, &blocks)
            next += 1
        }
    }

    private mutating func read(
        _ block: Range<Int>, _ isNewForm: Bool, _ extra: Int, _ blocks: inout [Range<Int>]
    ) throws {
        var cursor = try HDF5Cursor(file, block)
        while cursor.remaining >= (isNewForm ? 4 + extra : 8) {
            let kind = Kind(rawValue: try cursor.number(isNewForm ? 1 : 2))
            let size = try cursor.number(2)
            let flags = try cursor.number(1)
            try cursor.skip(isNewForm ? extra : 3)
            let range = try cursor.take(size)
            guard let kind else { continue }
            if kind == .continuation {
                var place = try HDF5Cursor(file, range)
                guard let address = try place.address() else { throw place.problem("a continuation leads nowhere") }
                let length = try place.number(8)
                var part = try HDF5Cursor(file, at: address, length: length)
                // The newer form puts a signature before and a checksum behind the messages.
                if isNewForm { try part.expect("OCHK") }
                blocks.append(try part.take(part.remaining - (isNewForm ? 4 : 0)))
            } else {
                messages.append((kind, flags & 2 != 0, range))
            }
        }
    }

    /// The contents of all messages of a kind, in order.
    func all(_ kind: Kind) throws -> [HDF5Cursor] {
        try messages.filter { $0.kind == kind }.map { message in
            guard !message.isShared else {
                throw FileError(file.path, "shares a description between objects, which is not supported; repack it")
            }
            return try HDF5Cursor(file, message.range)
        }
    }

    /// The content of the only message of a kind.
    func first(_ kind: Kind) throws -> HDF5Cursor? { try all(kind).first }
}
