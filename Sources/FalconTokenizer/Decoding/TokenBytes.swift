extension Tokenizer {
    /// The bytes that a token stands for within a text: maybe a part of a character. What decoding leaves out at the
    /// beginning of a text only is there; an id outside the vocabulary gives nothing.
    package func bytes(of id: Int32) -> [UInt8] { decoder.bytes(of: id) }
}

extension TokenDecoder {
    /// The bytes that a token stands for within a text.
    func bytes(of id: Int32) -> [UInt8] {
        guard id >= 0, Int(id) < pieces.count, var bytes = pieces[Int(id)] else { return [] }
        var isText = false
        for step in steps {
            switch step {
            case .fuse, .readUTF8: isText = true
            case .strip where isText: break
            case .byteFallback:
                if let byte = TokenDecoder.byte(of: bytes) { return [byte] }
            case .metaspace(let mark, _): bytes = bytes.passed(through: .replace(mark, by: [0x20]))
            case .space: bytes = [0x20] + bytes
            case .replace, .strip, .spell: bytes = bytes.passed(through: step)
            }
        }
        return bytes
    }
}

extension [UInt8] {
    /// What a step makes of a token by itself.
    fileprivate func passed(through step: TokenDecoder.Step) -> [UInt8] {
        guard var stage = DecoderStage(step, receivesText: false) else { return self }
        return stage.push(self).flatMap(\.self)
    }
}
