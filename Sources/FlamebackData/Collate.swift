import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Samples that a loader can put together to a batch. SeeAlso: torch.utils.data.default_collate
public protocol Collatable: SendableMetatype {
  associatedtype Batch
  static func collate(_ samples: [Self]) -> Batch
}

extension Tensor: Collatable {
  /// Stacked along a new first dimension.
  public static func collate(_ samples: [Tensor]) -> Tensor { stack(samples) }
}

extension Int: Collatable {
  public static func collate(_ samples: [Int]) -> Tensor { Tensor(samples, shape: [samples.count]) }
}

extension Double: Collatable {
  /// float64, as PyTorch collates Python numbers.
  public static func collate(_ samples: [Double]) -> Tensor { Tensor(samples, shape: [samples.count]) }
}

extension Float: Collatable {
  public static func collate(_ samples: [Float]) -> Tensor { Tensor(samples, shape: [samples.count]) }
}

extension Bool: Collatable {
  public static func collate(_ samples: [Bool]) -> Tensor { Tensor(samples, shape: [samples.count]) }
}

extension String: Collatable {
  public static func collate(_ samples: [String]) -> [String] { samples }
}

extension Array: Collatable where Element: Collatable {
  /// Position by position; the samples must be equally long.
  public static func collate(_ samples: [[Element]]) -> [Element.Batch] {
    guard let first = samples.first else { return [] }
    if let other = samples.first(where: { $0.count != first.count }) {
      report(OpError("collate", "samples of \(first.count) and \(other.count) elements do not make a batch"))
      return []
    }
    return first.indices.map { i in Element.collate(samples.map { $0[i] }) }
  }
}

extension Dictionary: Collatable where Key == String, Value: Collatable {
  /// Key by key; every sample must have the first one's keys.
  public static func collate(_ samples: [[String: Value]]) -> [String: Value.Batch] {
    guard let first = samples.first else { return [:] }
    if samples.contains(where: { Set($0.keys) != Set(first.keys) }) {
      report(OpError("collate", "samples with different keys do not make a batch"))
      return [:]
    }
    return first.keys.reduce(into: [:]) { batch, key in batch[key] = Value.collate(samples.map { $0[key]! }) }
  }
}
