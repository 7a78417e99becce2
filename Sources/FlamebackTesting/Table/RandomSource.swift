import Flameback
import FlamebackCore

/// Generators and sampling orders of recorded random numbers.
enum RandomSource {
  /// Seeds the default generator.
  static func manualSeed(_ seed: Int) throws { Flameback.manualSeed(UInt64(bitPattern: Int64(seed))) }

  /// A generator of its own, as entries find it under `generator`.
  static func generator(seed: Int) throws -> Any { FlamebackCore.Generator(seed: UInt64(bitPattern: Int64(seed))) }

  /// The batches (or parts) of indices that a recorded sampling gives in each epoch.
  static func sampling(_ call: Call, generator: Any?) throws -> Value {
    let generator = generator as? FlamebackCore.Generator
    let epochs = try call.int(nil, "epochs", default: 1)
    guard let name = try call.optionalString(nil, "sampler") else {
      let loader = DataLoader(
        ArrayDataset(Array(0..<(try call.int(nil, "n")))), batchSize: try call.int(nil, "batch_size"),
        shuffle: try call.bool(nil, "shuffle"), dropLast: try call.bool(nil, "drop_last"), generator: generator,
        collate: { $0 })
      return .list((0..<epochs).map { _ in .list(loader.map { Value.ints($0) }) })
    }
    if name == "random_split" {
      let data = ArrayDataset(Array(0..<(try call.int(nil, "n"))))
      let lengths = try call.optionalDoubles(nil, "lengths") ?? []
      let parts =
        lengths.reduce(0, +) == 1
        ? randomSplit(data, fractions: lengths, generator: generator)
        : randomSplit(data, lengths.map { Int($0) }, generator: generator)
      return .list([.list(parts.map { Value.ints($0.indices) })])
    }
    let sampler: any Sampler =
      switch name {
      case "RandomSampler":
        RandomSampler(
          count: try call.int(nil, "n"), replacement: try call.bool(nil, "replacement"),
          numSamples: try call.optionalInt(nil, "num_samples"), generator: generator)
      case "SubsetRandomSampler": SubsetRandomSampler(try call.ints(nil, "indices"), generator: generator)
      case "WeightedRandomSampler":
        WeightedRandomSampler(
          try call.optionalDoubles(nil, "weights") ?? [], numSamples: try call.int(nil, "num_samples"),
          replacement: try call.bool(nil, "replacement", default: true), generator: generator)
      default: throw UnknownOperation(name)
      }
    return .list((0..<epochs).map { _ in Value.ints(sampler.indices()) })
  }
}

extension Call {
  /// The generator argument; nil for the default one.
  public func generator() throws -> FlamebackCore.Generator? {
    guard let value = try value(nil, "generator") else { return nil }
    guard case .any(let any) = value, let generator = any as? FlamebackCore.Generator else {
      throw CallError("\(name)(): 'generator' must be a generator, not \(value.kind)")
    }
    return generator
  }
}
