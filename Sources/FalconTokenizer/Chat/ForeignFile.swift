/// Files that people give as a data set and that are none: named for what they are, with the way out.
package enum ForeignFile {
    /// What a file with this content is, as the end of "FILE: ..."; `nil` where it may be JSON.
    package static func problem(_ bytes: [UInt8]) -> String? {
        let head = bytes.prefix(512)
        func begins(_ text: String) -> Bool { head.starts(with: text.utf8) }
        if let name = binaries.first(where: { head.starts(with: $0.mark) }) { return name.problem }
        if bytes.count > 262, bytes[257..<262].elementsEqual("ustar".utf8) {
            return "is a tar archive; unpack it and give one of its .json or .jsonl files"
        }
        if begins("version https://git-lfs") {
            return "is a pointer of Git LFS, not the data itself; fetch it with 'git lfs pull'"
        }
        let text = head.drop { $0 == 0x20 || (0x09...0x0d).contains($0) }
        if text.first == UInt8(ascii: "<"), text.dropFirst().first.map(isLetterOrMark) == true {
            return "is a web page or XML, perhaps an error message in place of the file; download the data itself"
        }
        // A safetensors file begins with the length of its JSON.
        if head.count > 9, head[8] == UInt8(ascii: "{"), head[5..<8].allSatisfy({ $0 == 0 }) {
            return "is a safetensors file, a model's weights; give chats in .json or .jsonl"
        }
        if let first = text.first, first != UInt8(ascii: "{"), first != UInt8(ascii: "["), let line = firstLine(bytes) {
            if line.contains("\t") {
                return "is a table with tabs, not JSON; turn it into JSON lines first, one object a row"
            }
            if line.contains(","), !line.contains("{") {
                return "is a CSV table, not JSON; turn it into JSON lines first, one object a row"
            }
        }
        return nil
    }

    private static func isLetterOrMark(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "!") || byte == UInt8(ascii: "?") || (0x41...0x5a).contains(byte & 0xdf)
    }

    private static func firstLine(_ bytes: [UInt8]) -> String? {
        String(validating: bytes.prefix { $0 != 0x0a }.prefix(65536), as: UTF8.self)
    }

    private static let binaries: [(mark: [UInt8], problem: String)] = [
        (Array("PAR1".utf8), "is a Parquet file; " + conversion("parquet")),
        (Array("ARROW1".utf8), "is an Arrow file; " + conversion("arrow")),
        ([0xff, 0xff, 0xff, 0xff], "is an Arrow stream; " + conversion("arrow")),
        ([0x1f, 0x8b], "is compressed with gzip; unpack it first, with gzip -d"),
        (Array("BZh".utf8), "is compressed with bzip2; unpack it first, with bzip2 -d"),
        ([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], "is compressed with xz; unpack it first, with xz -d"),
        ([0x28, 0xb5, 0x2f, 0xfd], "is compressed with zstd; let its name end in .zst, or unpack it with zstd -d"),
        ([0x04, 0x22, 0x4d, 0x18], "is compressed with lz4; unpack it first, with lz4 -d"),
        ([0x50, 0x4b, 0x03, 0x04], "is a zip archive; unpack it and give one of its .json or .jsonl files"),
        ([0x37, 0x7a, 0xbc, 0xaf], "is a 7z archive; unpack it and give one of its .json or .jsonl files"),
        (Array("GGUF".utf8), "is a GGUF file, a model; give it as --target, and chats as the data set"),
        ([0x89, 0x48, 0x44, 0x46], "is an HDF5 file; finished features are for falcon-train, chats are JSON"),
        (Array("SQLite format".utf8), "is an SQLite database; write its rows as JSON lines first"),
        (Array("%PDF".utf8), "is a PDF; give chats in .json or .jsonl"),
        ([0xff, 0xfe], "is UTF-16 text; turn it into UTF-8 first, with iconv -f utf-16 -t utf-8"),
        ([0xfe, 0xff], "is UTF-16 text; turn it into UTF-8 first, with iconv -f utf-16 -t utf-8"),
    ]

    private static func conversion(_ kind: String) -> String {
        "turn it into JSON lines first, with Python: datasets.load_dataset('\(kind)', data_files=FILE, "
            + "split='train').to_json('chats.jsonl')"
    }

    /// What to say where there is no such file: a name of Hugging Face's hub is taken for one.
    package static func missing(_ path: String) -> String {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        let endings = [".json", ".jsonl", ".zst", ".gz", ".parquet", ".csv", ".txt"]
        guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." }),
            !endings.contains(where: path.hasSuffix)
        else { return "no such file" }
        return "no such file; a data set of Hugging Face's hub has to be downloaded first, "
            + "with: hf download --repo-type dataset \(path), and one of its .json or .jsonl files given"
    }
}
