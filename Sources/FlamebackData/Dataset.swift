import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Samples by index. SeeAlso: torch.utils.data.Dataset
public protocol Dataset<Element>: Sendable {
  associatedtype Element
  /// How many samples there are.
  var count: Int { get }
  /// The sample at `index`, 0 ..< count. Called from several threads at once.
  subscript(index: Int) -> Element { get }
}

/// Pairs of rows of two tensors, inputs and targets. SeeAlso: torch.utils.data.TensorDataset
public struct TensorDataset: Dataset {
  public let inputs: Tensor
  public let targets: Tensor

  /// Both must have the same size in dimension 0.
  public init(_ inputs: Tensor, _ targets: Tensor) {
    if inputs.rank == 0 || targets.rank == 0 || inputs.shape[0] != targets.shape[0] {
      report(OpError("TensorDataset", "sizes differ in dimension 0: \(inputs.spec) and \(targets.spec)"))
    }
    self.inputs = inputs
    self.targets = targets
  }

  public var count: Int { min(inputs.shape.first ?? 0, targets.shape.first ?? 0) }
  public subscript(index: Int) -> (Tensor, Tensor) {
    (inputs.select(dim: 0, index: index), targets.select(dim: 0, index: index))
  }

  /// The samples of `indices` as two tensors, without touching them one by one.
  func batch(_ indices: [Int]) -> (Tensor, Tensor) {
    if let first = indices.first, indices.enumerated().allSatisfy({ $1 == first + $0 }) {
      return (
        inputs.narrow(dim: 0, start: first, length: indices.count),
        targets.narrow(dim: 0, start: first, length: indices.count)
      )
    }
    let index = Tensor(indices, shape: [indices.count])
    return (inputs.indexSelect(dim: 0, index: index), targets.indexSelect(dim: 0, index: index))
  }
}

/// Samples of an array. SeeAlso: torch.utils.data.Dataset
public struct ArrayDataset<Element: Sendable>: Dataset {
  let elements: [Element]
  public init(_ elements: [Element]) { self.elements = elements }
  public var count: Int { elements.count }
  public subscript(index: Int) -> Element { elements[index] }
}

/// Some samples of another data set. SeeAlso: torch.utils.data.Subset
public struct Subset<Base: Dataset>: Dataset {
  public let base: Base
  public let indices: [Int]

  /// Every index must exist in `base`.
  public init(_ base: Base, indices: [Int]) {
    if let wrong = indices.first(where: { $0 < 0 || $0 >= base.count }) {
      report(OpError("Subset", "index \(wrong) is out of range for \(base.count) samples"))
    }
    self.base = base
    self.indices = indices.filter { $0 >= 0 && $0 < base.count }
  }

  public var count: Int { indices.count }
  public subscript(index: Int) -> Base.Element { base[indices[index]] }
}

/// One data set after the other. SeeAlso: torch.utils.data.ConcatDataset
public struct ConcatDataset<Element>: Dataset {
  let parts: [any Dataset<Element>]
  let ends: [Int]

  public init(_ parts: [any Dataset<Element>]) {
    self.parts = parts
    var total = 0
    ends = parts.map {
      total += $0.count
      return total
    }
  }

  public var count: Int { ends.last ?? 0 }
  public subscript(index: Int) -> Element {
    let part = ends.firstIndex { index < $0 }!
    return parts[part][index - (part == 0 ? 0 : ends[part - 1])]
  }
}

/// A data set whose samples are those of another, changed: where augmentation happens.
public struct MappedDataset<Base: Dataset, Element>: Dataset {
  let base: Base
  let transform: @Sendable (Base.Element) -> Element
  public var count: Int { base.count }
  public subscript(index: Int) -> Element { transform(base[index]) }
}

extension Dataset {
  /// The same samples, each changed when it is read. SeeAlso: the `transform` argument of torchvision's data sets
  public func map<T>(_ transform: @escaping @Sendable (Element) -> T) -> MappedDataset<Self, T> {
    MappedDataset(base: self, transform: transform)
  }
}

/// Cuts a data set at random into parts of `lengths` samples, or of fractions that sum to 1.
///
/// Reports an error if the lengths do not sum to the count. SeeAlso: torch.utils.data.random_split
public func randomSplit<D: Dataset>(_ dataset: D, _ lengths: [Int], generator: Generator? = nil) -> [Subset<D>] {
  guard lengths.reduce(0, +) == dataset.count, lengths.allSatisfy({ $0 >= 0 }) else {
    report(OpError("randomSplit", "lengths \(lengths) do not sum to \(dataset.count) samples"))
    return lengths.map { _ in Subset(dataset, indices: []) }
  }
  let order = (generator ?? .default).permutation(dataset.count)
  var start = 0
  return lengths.map { length in
    defer { start += length }
    return Subset(dataset, indices: Array(order[start..<start + length]))
  }
}

/// The same with fractions; what rounding leaves over goes to the first parts, one each.
public func randomSplit<D: Dataset>(_ dataset: D, fractions: [Double], generator: Generator? = nil) -> [Subset<D>] {
  guard abs(fractions.reduce(0, +) - 1) < 1e-6, fractions.allSatisfy({ $0 >= 0 && $0 <= 1 }) else {
    report(OpError("randomSplit", "fractions \(fractions) do not sum to 1"))
    return fractions.map { _ in Subset(dataset, indices: []) }
  }
  var lengths = fractions.map { Int((Double(dataset.count) * $0).rounded(.down)) }
  let rest = dataset.count - lengths.reduce(0, +)
  for i in 0..<rest { lengths[i % lengths.count] += 1 }
  return randomSplit(dataset, lengths, generator: generator)
}
