extension Recipe {
    /// The files and folders that a run reads, by the keys that name them.
    package var inputs: [(key: String, path: String)] {
        var inputs: [(key: String, path: String)] = []
        func add(_ key: String, _ path: String) { if !path.isEmpty { inputs.append((key, path)) } }
        if let pretrain {
            add("pretrain.dataset", pretrain.dataset)
            add("pretrain.validation_dataset", pretrain.validationDataset)
            add("pretrain.tokenizer", pretrain.tokenizer)
        } else {
            add("target.path", target.path)
            switch data.source {
            case .shards: add("data.shards", data.shards)
            case .online: add("data.dataset", data.dataset)
            }
            add("draft.init_from", draft.initFrom)
        }
        return inputs
    }
}
