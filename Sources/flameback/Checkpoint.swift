import Flameback
import FlamebackFiles

/// What a run needs to go on as if nothing had happened.
struct Checkpoint {
  var epoch = 0
  var history = History()

  /// Loss and accuracy of every finished epoch.
  struct History {
    var trainLoss: [Double] = []
    var trainAccuracy: [Double] = []
    var testLoss: [Double] = []
    var testAccuracy: [Double] = []
  }

  /// Writes everything in one file, which appears whole or not at all.
  func save(
    _ path: String, model: any UnaryLayer, optimizer: Optimizer, scheduler: LRScheduler,
    settings: [(String, StateValue)]
  ) throws {
    func list(_ values: [Double]) -> StateValue { .list(values.map(StateValue.double)) }
    let random = Generator.default.state.bytes
    try save(
      .dict([
        "epoch": .int(epoch), "settings": .dict(Named(settings)), "model": model.stateDict().state,
        "optimizer": optimizer.stateDict(), "scheduler": scheduler.stateDict(),
        "generator": .tensor(Tensor(random, shape: [random.count])),
        "history": .dict([
          "train_loss": list(history.trainLoss), "train_accuracy": list(history.trainAccuracy),
          "test_loss": list(history.testLoss), "test_accuracy": list(history.testAccuracy),
        ]),
      ]), to: path)
  }

  private func save(_ state: StateValue, to path: String) throws { try Flameback.save(state, to: path) }

  /// Reads a checkpoint into its parts. Throws if it belongs to a run with other settings.
  static func load(
    _ path: String, model: any UnaryLayer, optimizer: Optimizer, scheduler: LRScheduler,
    settings: [(String, StateValue)]
  ) throws -> Checkpoint {
    let state = try loadState(path)
    func part(_ name: String) throws -> StateValue {
      guard let value = state[name] else { throw FileError(path: path, "the checkpoint has no '\(name)'") }
      return value
    }
    let saved = try part("settings")
    for (name, value) in settings {
      let (now, then) = ("\(value)", saved[name].map { "\($0)" } ?? "nothing")
      if now != then { throw FileError(path: path, "belongs to a run with \(name) \(then), not \(now)") }
    }
    guard let weights = StateDict(try part("model")) else { throw FileError(path: path, "'model' is no state dict") }
    guard case .tensor(let bytes) = try part("generator"), bytes.dtype == .uint8,
      let generator = GeneratorState(bytes: bytes.scalars(UInt8.self))
    else { throw FileError(path: path, "'generator' is no generator's state") }
    try model.load(weights)
    try optimizer.load(try part("optimizer"))
    try scheduler.load(try part("scheduler"))
    Generator.default.state = generator
    let history = try part("history")
    func list(_ name: String) -> [Double] { history[name]?.elements?.compactMap(\.double) ?? [] }
    return Checkpoint(
      epoch: try part("epoch").int ?? 0,
      history: History(
        trainLoss: list("train_loss"), trainAccuracy: list("train_accuracy"), testLoss: list("test_loss"),
        testAccuracy: list("test_accuracy")))
  }
}
