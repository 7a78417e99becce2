import FlamebackKernels

/// The specs of an operation's operands or results: most often they are all alike, and one is stored.
struct SpecList: Sendable {
  private let first: TensorSpec?
  /// All of them, if they differ.
  private let all: [TensorSpec]
  let count: Int

  init(_ only: TensorSpec) {
    first = only
    all = []
    count = 1
  }

  init<Item>(_ items: some RandomAccessCollection<Item>, _ spec: (Item) -> TensorSpec) {
    count = items.count
    let first = items.first.map(spec)
    self.first = first
    all = items.dropFirst().allSatisfy { spec($0) == first } ? [] : items.map(spec)
  }

  init(_ tensors: SmallList<Tensor>) {
    count = tensors.count
    guard count > 0 else {
      first = nil
      all = []
      return
    }
    let body = tensors[0].body
    first = TensorSpec(shape: body.layout.shape, dtype: body.dtype, device: body.storage.device)
    var areAlike = true
    for i in 1..<Swift.max(count, 1) {
      let other = tensors[i].body
      areAlike =
        areAlike && other.dtype == body.dtype && other.layout.shape == body.layout.shape
        && other.storage.device == body.storage.device
    }
    all = areAlike ? [] : tensors.map(\.spec)
  }
}

extension SpecList: RandomAccessCollection {
  var startIndex: Int { 0 }
  var endIndex: Int { count }
  subscript(i: Int) -> TensorSpec {
    precondition(i >= 0 && i < count)
    return all.isEmpty ? first! : all[i]
  }
}
