import FlamebackCore
import FlamebackKernels

/// What may stand between the brackets of a tensor: integers, ranges, index and mask tensors, arrays of integers,
/// `.newAxis`, `.ellipsis`, `.all`, `.slice(…)`.
public protocol TensorIndex: Sendable {
  var item: IndexItem { get }
}

/// One entry of an index expression.
public enum IndexItem: TensorIndex {
  /// One place; the dimension disappears.
  case at(Int)
  /// Python's `start:end:step`.
  case range(Int?, Int?, step: Int)
  /// A new dimension of size 1.
  case axis
  /// As many whole dimensions as are left.
  case rest
  /// Integers (any shape) or a mask.
  case tensor(Tensor)
  /// A new dimension of size 1 (true) or 0 (false).
  case bool(Bool)

  public var item: IndexItem { self }
}

extension TensorIndex where Self == IndexItem {
  /// A whole dimension: Python's `:`.
  public static var all: IndexItem { .range(nil, nil, step: 1) }
  /// Every `step`-th place from `start` on before `end`: Python's `start:end:step`. Negative numbers count from the end.
  public static func slice(_ start: Int? = nil, _ end: Int? = nil, _ step: Int = 1) -> IndexItem {
    .range(start, end, step: step)
  }
  /// Every `step`-th place: Python's `::step`.
  public static func every(_ step: Int) -> IndexItem { .range(nil, nil, step: step) }
  /// A new dimension of size 1. SeeAlso: None in an index expression
  public static var newAxis: IndexItem { .axis }
  /// As many whole dimensions as are left.
  public static var ellipsis: IndexItem { .rest }
}

extension Int: TensorIndex { public var item: IndexItem { .at(self) } }
extension Bool: TensorIndex { public var item: IndexItem { .bool(self) } }
extension Tensor: TensorIndex { public var item: IndexItem { .tensor(self) } }

extension Range: TensorIndex where Bound == Int {
  public var item: IndexItem { .range(lowerBound, upperBound, step: 1) }
}
extension ClosedRange: TensorIndex where Bound == Int {
  public var item: IndexItem {
    .range(lowerBound, upperBound == -1 || upperBound == .max ? nil : upperBound + 1, step: 1)
  }
}
extension PartialRangeFrom: TensorIndex where Bound == Int {
  public var item: IndexItem { .range(lowerBound, nil, step: 1) }
}
extension PartialRangeUpTo: TensorIndex where Bound == Int {
  public var item: IndexItem { .range(nil, upperBound, step: 1) }
}
extension PartialRangeThrough: TensorIndex where Bound == Int {
  public var item: IndexItem { .range(nil, upperBound == -1 || upperBound == .max ? nil : upperBound + 1, step: 1) }
}
extension Array: TensorIndex where Element == Int {
  public var item: IndexItem { .tensor(Tensor(self, shape: [count])) }
}

extension Primitives {
  /// The view that integers, ranges and new axes make.
  package struct BasicIndex: ViewPrimitive {
    package enum Step: Sendable {
      case select(Primitives.Select)
      case slice(Primitives.Slice)
      case newAxis(Int)
    }

    package static let name = "index_view"
    package var steps: [Step] = []

    package func layout(of input: Layout) throws(OpError) -> Layout {
      var layout = input
      for step in steps {
        switch step {
        case .select(let select): layout = try select.layout(of: layout)
        case .slice(let slice): layout = try slice.layout(of: layout)
        case .newAxis(let dim):
          layout.shape.insert(1, at: dim)
          layout.strides.insert(0, at: dim)
        }
      }
      return layout
    }

    package var attributes: [(String, String)] {
      steps.map { step in
        switch step {
        case .select(let op): ("select", "dim \(op.dim), \(op.index)")
        case .slice(let op): ("slice", "dim \(op.dim), \(op.length) from \(op.start) by \(op.step)")
        case .newAxis(let dim): ("newAxis", "\(dim)")
        }
      }
    }

    package var gradient: Gradient { adjointGradient }
  }
}

/// An index expression applied to a shape: first a view, then perhaps index arrays over some of the view's dimensions.
struct ResolvedIndex {
  private(set) var view = Primitives.BasicIndex()
  /// int64, of one shape; one for each of the plan's dimensions.
  private(set) var arrays: [Tensor] = []
  private(set) var plan = IndexPlan(dims: [])
  /// The only entry, if it is a mask over the leading dimensions.
  private(set) var soleMask: Tensor?

  init(_ indices: [any TensorIndex], of tensor: Tensor) throws(OpError) {
    let items = indices.map(\.item)
    var consumed = 0
    var ellipses = 0
    for item in items {
      switch item {
      case .at, .range: consumed += 1
      case .tensor(let index): consumed += index.isMask ? index.rank : 1
      case .rest: ellipses += 1
      case .axis, .bool: break
      }
    }
    guard consumed <= tensor.rank else {
      throw OpError("index", "too many indices (\(consumed)) for a tensor of dimension \(tensor.rank): \(tensor.spec)")
    }
    guard ellipses <= 1 else { throw OpError("index", "an index can only have a single ellipsis") }
    var shape = tensor.shape
    var dim = 0  // of the view so far
    var source = 0  // of the tensor, for messages
    var dims: [Int] = []
    var found: [Tensor] = []
    func addAxis(_ size: Int) throws(OpError) {
      view.steps.append(.newAxis(dim))
      shape.insert(1, at: dim)
      found.append(Tensor([Int](repeating: 0, count: size), shape: [size], device: tensor.device))
      dims.append(dim)
      dim += 1
    }
    func select(_ index: Int) throws(OpError) {
      guard index >= -shape[dim] && index < shape[dim] else {
        throw outOfRange("index", Int64(index), source, Int64(shape[dim]))
      }
      view.steps.append(.select(try Primitives.Select(dim: dim, index: index, of: shape)))
      shape.remove(at: dim)
      source += 1
    }
    for item in items {
      switch item {
      case .at(let index): try select(index)
      case .range(let start, let end, let step):
        let slice = try Primitives.Slice(dim: dim, start: start, end: end, step: step, of: shape)
        if slice.start != 0 || slice.length != shape[dim] || slice.step != 1 {
          view.steps.append(.slice(slice))
          shape[dim] = slice.length
        }
        dim += 1
        source += 1
      case .axis:
        view.steps.append(.newAxis(dim))
        shape.insert(1, at: dim)
        dim += 1
      case .rest:
        dim += tensor.rank - consumed
        source += tensor.rank - consumed
      case .bool(let value): try addAxis(value ? 1 : 0)
      case .tensor(let index):
        if index.isMask {
          if index.rank == 0 {
            try addAxis(index.item().bool ? 1 : 0)
            continue
          }
          for d in 0..<index.rank where index.shape[d] != shape[dim + d] {
            throw OpError(
              "index",
              "the shape of the mask \(index.shape) at index \(d) does not match that of the indexed tensor "
                + "\(tensor.shape) at index \(source + d)")
          }
          if items.count == 1 { soleMask = index }
          // After an error there are more stand-ins than dimensions.
          for column in index.withoutHistory.nonzero().unbind(dim: 1).prefix(index.rank) {
            dims.append(dim)
            found.append(column)
            dim += 1
            source += 1
          }
        } else {
          guard index.dtype.isInteger else {
            throw OpError("index", "tensors used as indices must be integers or bool, got \(index.spec)")
          }
          if index.rank == 0 && !index.isPoisoned {
            try select(index.itemInt())
            continue
          }
          dims.append(dim)
          found.append(try index.asIndex("index").to(tensor.device))
          dim += 1
          source += 1
        }
      }
    }
    if found.isEmpty { return }
    var common: Shape = []
    for index in found {
      guard let next = Shape.broadcast(common, index.shape) else {
        throw OpError(
          "index",
          "indexing tensors could not be broadcast together: \(found.map(\.shape.description).joined(separator: " × "))"
        )
      }
      common = next
    }
    plan = IndexPlan(dims: dims)
    arrays = found.map { $0.expanded(to: common) }
    // A dimension without elements has no place for any index.
    if common.elementCount > 0 {
      for (dim, index) in zip(dims, arrays) where shape[dim] == 0 {
        throw outOfRange("index", Int64(index.scalars(Int.self)[0]), dim, 0)
      }
    }
  }

  func reading(_ tensor: Tensor) throws(OpError) -> Tensor {
    let seen = view.steps.isEmpty ? tensor : apply(view, tensor)
    return arrays.isEmpty ? seen : apply(Primitives.Index(plan: plan), [seen] + arrays)[0]
  }

  /// Values in the form in which they are written: leading dimensions of size 1 that the places do not have are dropped.
  private func fitted(_ values: Tensor, to tensor: Tensor) throws(OpError) -> Tensor {
    var places = try view.layout(of: Layout(tensor.shape)).shape
    if !arrays.isEmpty { places = plan.resultShape(of: places, indices: arrays[0].shape) }
    var extra = values.rank - places.count
    if extra <= 0 { return values }
    while extra > 0 && values.shape[values.rank - places.count - extra] == 1 { extra -= 1 }
    guard extra == 0 else {
      throw OpError("setIndex", "values \(values.spec) do not broadcast to the indexed places \(places)")
    }
    return values.reshaped(Shape(values.shape[(values.rank - places.count)...]))
  }

  /// A copy of `tensor` with `values` written (or added).
  func replacing(in tensor: Tensor, with values: Tensor, accumulate: Bool = false) throws(OpError) -> Tensor {
    let values = try fitted(values, to: tensor)
    if arrays.isEmpty {
      let new = accumulate ? (try reading(tensor)) + values : values
      return apply(Primitives.EmbedView(view: view), tensor, new)
    }
    let seen = view.steps.isEmpty ? tensor : apply(view, tensor)
    let changed = apply(Primitives.IndexPut(plan: plan, accumulates: accumulate), [seen, values] + arrays)[0]
    return view.steps.isEmpty ? changed : apply(Primitives.EmbedView(view: view), tensor, changed)
  }

  /// Writes into the memory of `tensor`.
  func overwrite(_ tensor: Tensor, with values: Tensor) throws(OpError) {
    let values = try fitted(values, to: tensor)
    let target = tensor.hostView
    if arrays.isEmpty {
      try Primitives.EmbedView(view: view).write(values.hostView, into: target)
    } else {
      let layout = try view.layout(of: target.layout)
      let seen = HostView(
        pointer: target.pointer + layout.offset * target.dtype.byteSize, dtype: target.dtype, shape: layout.shape,
        strides: layout.strides)
      try Primitives.IndexPut(plan: plan, accumulates: false).write(values.hostView, arrays.map(\.hostView), into: seen)
    }
    withExtendedLifetime((values, tensor)) {}
  }
}

extension Tensor {
  /// Whether it picks elements when used as an index; uint8 counts, as in PyTorch.
  fileprivate var isMask: Bool { dtype == .bool || dtype == .uint8 }
}
