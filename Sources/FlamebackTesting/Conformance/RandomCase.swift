import Flameback
import FlamebackCore
import FlamebackFiles
import FlamebackKernels

/// One case of kind `rng`: draws, initialisations and sampling orders after a seed.
struct RandomCase {
  let file: CaseFile
  let json: JSON

  func run() throws { try withErrors { try draw() } }

  private func draw() throws {
    try RandomSource.manualSeed(json["seed"]?.int ?? 0)
    var generators: [String: Any] = [:]
    for member in json["generators"]?.object ?? [:] {
      generators[member.key] = try RandomSource.generator(seed: member.value.int ?? 0)
    }
    for (i, step) in (json["steps"]?.array ?? []).enumerated() {
      do { try run(step, generators) } catch let error as UnknownOperation { throw error } catch {
        throw Mismatch("step \(i): \(error)")
      }
    }
  }

  private func run(_ step: JSON, _ generators: [String: Any]) throws {
    let inputs = try (step["inputs"]?.array ?? []).map { try file.tensor($0) }
    var comparison = Comparison(file: file, json: step, inputs: inputs)
    if let seed = step["manual_seed"]?.int {
      try RandomSource.manualSeed(seed)
    } else if let name = step["fn"]?.string {
      var variables: [String: Value] = [:]
      var recorded = step
      if let name = step["generator"]?.string, let generator = generators[name] {
        variables["generator"] = .any(generator)
        var object = step.object ?? [:]
        var kwargs = step["kwargs"]?.object ?? [:]
        kwargs["generator"] = .object(["var": "generator"])
        object["kwargs"] = .object(kwargs)
        recorded = .object(object)
      }
      let call = try OperatorCall(
        file, recorded, name, step["form"]?.string ?? "function", inputs, variables: variables)
      try comparison.compare(try call.run(), step["expect"] ?? .null)
    } else if let name = step["module"]?.string {
      let built = try ModuleTable.build(
        name, file.values(step["args"], inputs: inputs), file.keywords(step["kwargs"], inputs: inputs))
      try check(built.module, step["expect_state"], &comparison)
    } else if let model = step["model"]?.string {
      let built = try ModuleTable.build(model, [], [])
      try checkHeads(built.module, step["expect_state_heads"], &comparison)
    } else if let sampling = step["sampling"] {
      try sample(sampling, step, generators, inputs)
    } else {
      throw CallError("unknown step \(step)")
    }
  }

  private func check(_ module: Module, _ expected: JSON?, _ comparison: inout Comparison) throws {
    let state = module.stateDict()
    let entries = expected?.array ?? []
    guard state.keys == entries.map({ $0[0]?.string ?? "" }) else { throw Mismatch("the state dict has \(state.keys)") }
    for entry in entries {
      let name = entry[0]?.string ?? ""
      try comparison.compare(state[name]!, entry[1] ?? .null, place: "'\(name)'")
    }
  }

  /// The first elements of each entry.
  private func checkHeads(_ module: Module, _ expected: JSON?, _ comparison: inout Comparison) throws {
    let state = module.stateDict()
    for entry in expected?.array ?? [] {
      let name = entry[0]?.string ?? ""
      let shape = (entry[1]?.array ?? []).compactMap(\.int)
      guard let tensor = state[name], tensor.shape.array == shape else {
        throw Mismatch("'\(name)' is \(state[name].map { "\($0.spec)" } ?? "missing"), expected \(Shape(shape))")
      }
      let wanted = try file.array(entry[2] ?? .null)
      let found = try HostArray(tensor).gathered(Array(0..<wanted.count), shape: wanted.shape)
      try Comparison.compare(found, wanted, rtol: comparison.rtol, atol: comparison.atol, place: "'\(name)'")
    }
  }

  private func sample(_ sampling: JSON, _ step: JSON, _ generators: [String: Any], _ inputs: [Tensor]) throws {
    let arguments = try (sampling.object ?? [:]).compactMap { member -> (String, Value)? in
      if member.key == "generator" { return nil }
      return (member.key, try RandomCase.plain(member.value, file, inputs))
    }
    let generator = sampling["generator"]?.string.flatMap { generators[$0] }
    let call = Call("sampling", [], arguments)
    let found = try RandomSource.sampling(call, generator: generator)
    try call.finish()
    let expected = try RandomCase.plain(step["expect_indices"] ?? .null, file, inputs)
    let (got, wanted) = (RandomCase.text(found), RandomCase.text(expected))
    guard got == wanted else { throw Mismatch("indices are \(got), expected \(wanted)") }
  }

  private static func text(_ value: Value) -> String {
    if case .int(let int) = value { return String(int) }
    return "[" + (value.items ?? []).map(text).joined(separator: ", ") + "]"
  }

  /// Plain JSON, and values of section 3 in it.
  private static func plain(_ json: JSON, _ file: CaseFile, _ inputs: [Tensor]) throws -> Value {
    switch json {
    case .null: .none
    case .bool(let value): .bool(value)
    case .int(let value): .int(value)
    case .unsigned, .double: .float(json.double ?? .nan)
    case .string(let text): .string(text)
    case .array(let items): .list(try items.map { try plain($0, file, inputs) })
    case .object: try file.value(json, inputs: inputs)
    }
  }
}
