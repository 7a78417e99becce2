import Flameback
import FlamebackFiles
import FlamebackKernels
import Foundation
import Testing

/// A file that PyTorch wrote (`Scripts/check_checkpoints.py`).
func fixture(_ name: String) -> String {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures/\(name)").path
}

func withFolder<R>(_ body: (String) throws -> R) throws -> R {
  let folder = NSTemporaryDirectory() + "flameback-\(UUID().uuidString)"
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  return try body(folder)
}

@Suite struct CheckpointTests {
  private final class Run {
    let model = Sequential(Linear(4, 8, bias: false), BatchNorm1d(8), ReLU(), Dropout(0.3), Linear(8, 3))
    let optimizer: AdamW
    let scheduler: StepLR

    init() {
      optimizer = AdamW(model.parameters(), lr: 0.05, weightDecay: 0.1)
      scheduler = StepLR(optimizer, stepSize: 2, gamma: 0.5)
    }

    func load(_ path: String) throws -> StateValue {
      let state = try loadState(path)
      try model.load(#require(state["model"].flatMap(StateDict.init)))
      try optimizer.load(#require(state["optimizer"]))
      try scheduler.load(#require(state["scheduler"]))
      guard case .tensor(let bytes)? = state["generator"] else { throw StateError("no generator") }
      Generator.default.state = try #require(GeneratorState(bytes: bytes.scalars(UInt8.self)))
      return state
    }

    func save(_ path: String, epoch: Int) throws {
      let random = Generator.default.state.bytes
      try Flameback.save(
        .dict([
          "model": model.stateDict().state, "optimizer": optimizer.stateDict(), "scheduler": scheduler.stateDict(),
          "epoch": .int(epoch), "generator": .tensor(Tensor(random, shape: [random.count])), "note": .string("hé"),
          "best": .none,
        ]), to: path)
    }

    func steps(_ count: Int) -> [Double] {
      let x = Tensor.arange(24, dtype: .float32).reshape([6, 4]).sin()
      let y = Tensor([0, 1, 2, 0, 1, 2], shape: [6])
      return (0..<count).map { _ in
        optimizer.zeroGrad()
        let loss = model(x + 0.1 * Tensor.randn([6, 4])).crossEntropy(y)
        loss.backward()
        optimizer.step()
        scheduler.step()
        return loss.itemDouble()
      }
    }

    func expect(_ name: String, losses: [Double]) throws {
      let file = try TensorFile(fixture("expected.npz"))
      for (loss, expected) in zip(losses, try file.tensor("\(name).losses").scalars(Double.self)) {
        #expect(abs(loss - expected) < 1e-5, "\(name)")
      }
      for (key, value) in model.stateDict() {
        let expected = try file.tensor("\(name).\(key)")
        #expect(value.allClose(expected, atol: 1e-5), "\(name) \(key)")
      }
    }
  }

  /// PyTorch's run goes on here, step by step the same, and from our own file once more.
  @Test func aRunOfPyTorchGoesOn() throws {
    try withGenerator(Generator()) {  // other tests draw from the program's meanwhile
      let run = Run()
      let state = try run.load(fixture("after3.pth"))
      #expect(state["epoch"]?.int == 3)
      if case .string("hé")? = state["note"] {} else { Issue.record("the note is lost") }
      try run.expect("after6", losses: run.steps(3))
      try withFolder { folder in
        let folder = ProcessInfo.processInfo.environment["FLAMEBACK_OUT"] ?? folder
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try run.save("\(folder)/after6.pth", epoch: 6)
        let next = Run()
        _ = try next.load("\(folder)/after6.pth")
        try next.expect("after9", losses: next.steps(3))
      }
    }
  }

  @Test func theVersionsOfModulesAreKept() throws {
    let run = Run()
    let state = run.model.stateDict()
    #expect(state.versions["1"] == 2 && state.versions[""] == 1 && state.versions["3"] == 1)
    #expect(state.filtered("1").versions[""] == 2)
    try withFolder { folder in
      try state.save("\(folder)/m.pth")
      let again = try StateDict(contentsOf: "\(folder)/m.pth")
      #expect(again.versions["1"] == 2 && again.keys == state.keys)
      let file = try PyTorchFile.load("\(folder)/m.pth")
      #expect(file.dict?.attributes.first?.key.string == "_metadata")
    }
    let old = try #require(try loadState(fixture("after3.pth"))["model"].flatMap(StateDict.init))
    #expect(old.versions["1"] == 2)
    // Before version 2 batches were not counted.
    var older = state
    older["1.num_batches_tracked"] = nil
    #expect(throws: StateMismatch.self) { try run.model.load(older) }
    older.versions["1"] = 1
    try run.model.load(older)
  }

  @Test(arguments: ["m.pth", "m.safetensors", "m.npz", "m.safetensors.index.json"])
  func aStateDictInEveryFormat(_ name: String) throws {
    try withFolder { folder in
      let path = "\(folder)/\(name)"
      let state = Run().model.stateDict()
      try state.save(path)
      let again = try StateDict(contentsOf: path)
      #expect(Set(again.keys) == Set(state.keys))
      for (key, tensor) in state {
        let other = try #require(again[key])
        #expect(other.dtype == tensor.dtype && other.shape == tensor.shape, "\(key)")
        #expect(other.allClose(tensor, rtol: 0, atol: 0), "\(key)")
      }
      let file = try TensorFile(path)
      #expect(try file.tensor("0.weight").shape == [8, 4])
      #expect(throws: FileError.self) { try file.tensor("nothing") }
    }
  }

  @Test func whatIsReadFromAFileCanBeTrained() throws {
    try withFolder { folder in
      let path = "\(folder)/m.safetensors"
      let run = Run()
      try run.model.stateDict().save(path)
      let before = try FileBytes(mapping: path).array
      try run.model.load(StateDict(contentsOf: path))
      _ = run.steps(2)
      let after = try FileBytes(mapping: path).array
      #expect(before == after)
    }
  }

  @Test func damageIsFoundWhenATensorIsRead() throws {
    try withFolder { folder in
      let path = "\(folder)/m.pth"
      try Run().model.stateDict().save(path)
      var bytes = try FileBytes(mapping: path).array
      let zip = try ZipArchive(path)
      let record = try #require(zip.records.first { $0.name.hasSuffix("data/0") })
      let start = try zip.read(record).bytes.baseAddress! - zip.file.bytes.baseAddress!
      bytes[start] ^= 1
      try AtomicFile.write(bytes, to: path)
      let file = try TensorFile(path)  // nothing is read yet
      #expect(throws: FileError.self) { try file.tensor("0.weight") }
      #expect(try file.tensor("4.weight").shape == [3, 8])
      #expect(throws: FileError.self) { try file.verify() }
      #expect(throws: FileError.self) { try StateDict(contentsOf: path) }
    }
  }
}
