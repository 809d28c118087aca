/// What a file is by how it begins, where it is not what its name promised.
///
/// Ask only once a file was found unreadable: the first bytes of a sound file may look like anything.
package enum FileSignature {
    /// How many bytes of a file `problem` looks at.
    package static let length = 512

    /// Beginnings as bytes, what such a file is, and what to do about it.
    private static let binary: [(start: [UInt8], problem: String)] = [
        (Array("GGUF".utf8), "is a GGUF file, which is not supported here; use the model's Hugging Face folder"),
        ([0x1F, 0x8B], "is packed with gzip; unpack it first (gunzip)"),
        ([0x28, 0xB5, 0x2F, 0xFD], "is packed with zstd; unpack it first (unzstd)"),
        ([0xFD, 0x37, 0x7A, 0x58, 0x5A], "is packed with xz; unpack it first (unxz)"),
        (Array("BZh".utf8), "is packed with bzip2; unpack it first (bunzip2)"),
        ([0x50, 0x4B, 0x03, 0x04], "is a zip archive or a PyTorch file; unpack it, or name it as what it is (.bin)"),
        ([0x37, 0x7A, 0xBC, 0xAF], "is a 7z archive; unpack it first"),
        ([0x89, 0x48, 0x44, 0x46], "is an HDF5 file"),
        (Array("PAR1".utf8), "is a Parquet file; convert it to JSON lines first"),
        ([0x80, 0x02], "is a PyTorch file; name it as what it is (.bin)"),
    ]

    /// Beginnings of texts in small letters, behind white space.
    private static let texts: [(start: String, problem: String)] = [
        (
            "version https://git-lfs",
            "is a Git LFS pointer, not the file itself; run 'git lfs pull' in its repository or download the file"
        ),
        ("<!doctype html", "is a web page, saved in place of the file; download the file again"),
        ("<html", "is a web page, saved in place of the file; download the file again"),
        ("<?xml", "is an XML answer of a server, saved in place of the file; download the file again"),
        ("entry not found", answer("Entry not found")),
        ("repository not found", answer("Repository not found")),
        ("invalid username or password", answer("Invalid username or password")),
        ("invalid credentials", answer("Invalid credentials")),
        ("access to model", answer("Access to model ... is restricted")),
        ("{\"error\"", answer("error")),
    ]

    private static func answer(_ words: String) -> String {
        "is a server's answer ('\(words)'), saved in place of the file; download the file again, signed in if need be"
    }

    /// What is wrong with a file that begins with `bytes`, as the end of a sentence about it, with what to do; `nil`
    /// where the beginning tells nothing.
    package static func problem(beginning bytes: [UInt8]) -> String? {
        if bytes.isEmpty { return "is empty; download or write it again" }
        if let match = binary.first(where: { bytes.starts(with: $0.start) }) { return match.problem }
        let text = bytes.prefix(length).drop { [0x20, 0x09, 0x0A, 0x0D, 0xEF, 0xBB, 0xBF].contains($0) }
        let small = text.map { (0x41...0x5A).contains($0) ? $0 + 0x20 : $0 }
        return texts.first { small.starts(with: Array($0.start.utf8)) }?.problem
    }
}
