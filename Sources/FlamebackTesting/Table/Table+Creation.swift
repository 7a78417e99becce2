import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  static let creation: [String: Entry] = filled.merging(counted) { first, _ in first }
    .merging(windows) { first, _ in first }

  private typealias MakeWindow = @Sendable (Int, _ sym: Bool, DType?) throws -> Tensor

  private static let windows: [String: Entry] = [
    "signal.windows.bartlett": window { _ in { Window.bartlett($0, sym: $1, dtype: $2) } },
    "signal.windows.blackman": window { _ in { Window.blackman($0, sym: $1, dtype: $2) } },
    "signal.windows.cosine": window { _ in { Window.cosine($0, sym: $1, dtype: $2) } },
    "signal.windows.exponential": window { call in
      let (center, tau) = (try call.optionalDouble(nil, "center"), try call.double(nil, "tau", default: 1))
      return { Window.exponential($0, center: center, tau: tau, sym: $1, dtype: $2) }
    },
    "signal.windows.gaussian": window { call in
      let std = try call.double(nil, "std", default: 1)
      return { Window.gaussian($0, std: std, sym: $1, dtype: $2) }
    },
    "signal.windows.general_cosine": window { call in
      guard let a = try call.optionalDoubles(nil, "a") else { throw CallError("general_cosine() needs a") }
      return { Window.generalCosine($0, a: a, sym: $1, dtype: $2) }
    },
    "signal.windows.general_hamming": window { call in
      let alpha = try call.double(nil, "alpha", default: 0.54)
      return { Window.generalHamming($0, alpha: alpha, sym: $1, dtype: $2) }
    },
    "signal.windows.hamming": window { _ in { Window.hamming($0, sym: $1, dtype: $2) } },
    "signal.windows.hann": window { _ in { Window.hann($0, sym: $1, dtype: $2) } },
    "signal.windows.kaiser": window { call in
      let beta = try call.double(nil, "beta", default: 12)
      return { Window.kaiser($0, beta: beta, sym: $1, dtype: $2) }
    },
    "signal.windows.nuttall": window { _ in { Window.nuttall($0, sym: $1, dtype: $2) } },
    "bartlett_window": periodic { _ in { Window.bartlett($0, sym: $1, dtype: $2) } },
    "blackman_window": periodic { _ in { Window.blackman($0, sym: $1, dtype: $2) } },
    "hann_window": periodic { _ in { Window.hann($0, sym: $1, dtype: $2) } },
    "hamming_window": periodic { call in
      let a = [try call.double(2, "alpha", default: 0.54), try call.double(3, "beta", default: 0.46)]
      return { Window.generalCosine($0, a: a, sym: $1, dtype: $2) }
    },
    "kaiser_window": periodic { call in
      let beta = try call.double(2, "beta", default: 12)
      return { Window.kaiser($0, beta: beta, sym: $1, dtype: $2) }
    },
  ]

  private static func window(_ make: @escaping @Sendable (Call) throws -> MakeWindow) -> Entry {
    { call in
      let o = try call.factoryOptions()
      let sym = try call.bool(nil, "sym", default: true)
      return .tensor(try make(call)(try call.int(0, "M"), sym, o.dtype))
    }
  }

  private static func periodic(_ make: @escaping @Sendable (Call) throws -> MakeWindow) -> Entry {
    { call in
      let o = try call.factoryOptions()
      let isPeriodic = try call.bool(1, "periodic", default: true)
      return .tensor(try make(call)(try call.int(0, "window_length"), !isPeriodic, o.dtype))
    }
  }

  private static let filled: [String: Entry] = [
    "zeros": { call in
      let o = try call.factoryOptions()
      return .tensor(
        .zeros(try call.sizes(0, "size"), dtype: o.dtype, device: o.device, requiresGrad: o.requiresGrad))
    },
    "ones": { call in
      let o = try call.factoryOptions()
      return .tensor(.ones(try call.sizes(0, "size"), dtype: o.dtype, device: o.device, requiresGrad: o.requiresGrad))
    },
    "empty": empty,
    "empty_permuted": { call in
      let order = try call.ints(1, "physical_layout")
      guard order.sorted() == Array(0..<(try call.ints(0, "size").count)) else {
        throw CallError("empty_permuted(): \(order) is no order of the dimensions")
      }
      return try empty(call)
    },
    "empty_strided": { call in
      _ = try call.ints(1, "stride")
      return try empty(call)
    },
    "full": { call in
      let o = try call.factoryOptions()
      return .tensor(
        .full(
          try call.ints(0, "size"), try call.scalar(1, "fill_value"), dtype: o.dtype, device: o.device,
          requiresGrad: o.requiresGrad))
    },
    "scalar_tensor": { call in
      let o = try call.factoryOptions()
      return .tensor(.scalar(try call.scalar(0, "s"), dtype: o.dtype ?? Context.defaultDType, device: o.device))
    },
    "zeros_like": like { .zerosLike($0, dtype: $1.dtype, device: $1.device, requiresGrad: $1.requiresGrad) },
    "ones_like": like { .onesLike($0, dtype: $1.dtype, device: $1.device, requiresGrad: $1.requiresGrad) },
    "empty_like": like { .emptyLike($0, dtype: $1.dtype, device: $1.device, requiresGrad: $1.requiresGrad) },
    "full_like": { call in
      let o = try call.factoryOptions()
      return .tensor(
        .fullLike(
          try call.tensor(0, "input"), try call.scalar(1, "fill_value"), dtype: o.dtype, device: o.device,
          requiresGrad: o.requiresGrad))
    },
    "Tensor.new_zeros": new { $0.newZeros($1, dtype: $2.dtype, device: $2.device) },
    "Tensor.new_ones": new { $0.newOnes($1, dtype: $2.dtype, device: $2.device) },
    "Tensor.new_empty": new { $0.newEmpty($1, dtype: $2.dtype, device: $2.device) },
    "Tensor.new_empty_strided": { call in
      let o = try call.factoryOptions()
      _ = try call.ints(2, "stride")
      return .tensor(try call.tensor(0, "input").newEmpty(try call.ints(1, "size"), dtype: o.dtype, device: o.device))
    },
    "Tensor.new_full": { call in
      let o = try call.factoryOptions()
      return .tensor(
        try call.tensor(0, "input").newFull(
          try call.ints(1, "size"), try call.scalar(2, "fill_value"), dtype: o.dtype, device: o.device))
    },
    "fill": { call in
      .tensor(try call.tensor(0, "input").fill(try call.operand(1, "value")))
    },
    "zero": unary { $0.fill(0) },
    "Tensor.resize_": { call in
      .tensor(try resized(try call.tensor(0, "input"), try call.sizes(1, "size")))
    },
    "resize_as_": { call in
      call.ignore("memory_format")
      return .tensor(try resized(try call.tensor(0, "input"), try call.tensor(1, "the_template").shape.array))
    },
    "tensor": { call in
      let o = try call.factoryOptions()
      guard let data = try call.given(0, "data") else { throw CallError("tensor() needs data") }
      return .tensor(try tensor(of: data, o.dtype, o.device, o.requiresGrad))
    },
    "asarray": { call in
      let o = try call.factoryOptions()
      guard let data = try call.given(0, "obj") else { throw CallError("asarray() needs an object") }
      return .tensor(try tensor(of: data, o.dtype, o.device, o.requiresGrad))
    },
    "as_tensor": { call in
      let o = try call.factoryOptions()
      guard let data = try call.given(0, "data") else { throw CallError("as_tensor() needs data") }
      return .tensor(try tensor(of: data, o.dtype, o.device, o.requiresGrad))
    },
    "Tensor.new_tensor": { call in
      let x = try call.tensor(0, "input")
      let o = try call.factoryOptions()
      guard let data = try call.given(1, "data") else { throw CallError("new_tensor() needs data") }
      return .tensor(try tensor(of: data, o.dtype ?? x.dtype, o.device, o.requiresGrad))
    },
  ]

  private static let counted: [String: Entry] = [
    "arange": { call in
      let o = try call.factoryOptions()
      let start: Scalar
      let end: Scalar
      if call.positionalCount >= 2 || call.has(nil, "end") && call.positionalCount == 1 {
        start = try call.scalar(0, "start")
        end = try call.scalar(1, "end")
      } else {
        start = try call.scalar(nil, "start", default: 0)
        end = try call.scalar(0, "end")
      }
      return .tensor(
        .arange(
          start, end, try call.scalar(2, "step", default: 1), dtype: o.dtype, device: o.device,
          requiresGrad: o.requiresGrad))
    },
    "range": { call in
      let o = try call.factoryOptions()
      let two = call.positionalCount >= 2
      return .tensor(
        .range(
          two ? try call.double(0, "start") : 0, try call.double(two ? 1 : 0, "end"),
          try call.double(2, "step", default: 1), dtype: o.dtype, device: o.device))
    },
    "linspace": { call in
      let o = try call.factoryOptions()
      return .tensor(
        .linspace(
          try bound(call, 0, "start"), try bound(call, 1, "end"), try call.int(2, "steps"), dtype: o.dtype,
          device: o.device, requiresGrad: o.requiresGrad))
    },
    "logspace": { call in
      let o = try call.factoryOptions()
      return .tensor(
        .logspace(
          try bound(call, 0, "start"), try bound(call, 1, "end"), try call.int(2, "steps"),
          base: try call.double(3, "base", default: 10), dtype: o.dtype, device: o.device,
          requiresGrad: o.requiresGrad))
    },
    "eye": { call in
      let o = try call.factoryOptions()
      return .tensor(
        .eye(
          try call.int(0, "n"), try call.optionalInt(1, "m"), dtype: o.dtype, device: o.device,
          requiresGrad: o.requiresGrad))
    },
    "tril_indices": { call in try triangle(call) { .trilIndices($0, $1, offset: $2, dtype: $3) } },
    "triu_indices": { call in try triangle(call) { .triuIndices($0, $1, offset: $2, dtype: $3) } },
    "complex": { call in .tensor(.complex(try call.tensor(0, "real"), try call.tensor(1, "imag"))) },
    "polar": { call in .tensor(.polar(try call.tensor(0, "abs"), try call.tensor(1, "angle"))) },
  ]

  private typealias Options = (dtype: DType?, device: Device?, requiresGrad: Bool)

  private static func empty(_ call: Call) throws -> Value {
    let o = try call.factoryOptions()
    return .tensor(.empty(try call.sizes(0, "size"), dtype: o.dtype, device: o.device, requiresGrad: o.requiresGrad))
  }

  private static func like(_ body: @escaping @Sendable (Tensor, Options) -> Tensor) -> Entry {
    { call in .tensor(body(try call.tensor(0, "input"), try call.factoryOptions())) }
  }

  private static func new(_ body: @escaping @Sendable (Tensor, [Int], Options) -> Tensor) -> Entry {
    { call in .tensor(body(try call.tensor(0, "input"), try call.sizes(1, "size"), try call.factoryOptions())) }
  }

  private static func bound(_ call: Call, _ position: Int, _ name: String) throws -> Scalar {
    if let tensor = call.peek(position, name)?.tensor, tensor.rank > 0 {
      throw CallError("\(call.name)() takes 0-d bounds, got \(tensor.spec)")
    }
    return try call.scalar(position, name)
  }

  private static func triangle(_ call: Call, _ body: (Int, Int, Int, DType) -> Tensor) throws -> Value {
    let o = try call.factoryOptions()
    return .tensor(
      body(try call.int(0, "row"), try call.int(1, "col"), try call.int(2, "offset", default: 0), o.dtype ?? .int64))
  }

  /// A tensor of another shape whose first elements are the old ones: what is left of `resize_` without aliasing.
  private static func resized(_ x: Tensor, _ size: [Int]) throws -> Tensor {
    guard Shape(size).elementCount == x.elementCount else {
      let flat = x.reshape(-1)
      let count = Shape(size).elementCount
      return flat.constantPad([0, count - flat.elementCount]).reshape(size)
    }
    return x.reshape(size)
  }

  /// `torch.tensor` of nested lists whose types are known only at run time.
  private static func tensor(of data: Value, _ dtype: DType?, _ device: Device?, _ requiresGrad: Bool) throws -> Tensor
  {
    if let tensor = data.tensor {
      let copy = tensor.detached().clone().to(dtype ?? tensor.dtype)
      return requiresGrad ? copy.requiringGrad() : copy
    }
    var shape: [Int] = []
    var leaves: [Scalar] = []
    func collect(_ value: Value, _ depth: Int) throws {
      if let items = value.items {
        if depth == shape.count {
          guard leaves.isEmpty else { throw CallError("a sequence stands where numbers stood before") }
          shape.append(items.count)
        } else if shape[depth] != items.count {
          throw CallError("expected sequence of length \(shape[depth]) at dim \(depth) (got \(items.count))")
        }
        for item in items { try collect(item, depth + 1) }
      } else if let scalar = value.scalar ?? value.tensor?.item() {
        leaves.append(scalar)
      } else {
        throw CallError("tensor() takes numbers, not \(value.kind)")
      }
    }
    try collect(data, 0)
    let category = leaves.map(\.category).max() ?? .floating
    switch category {
    case .bool:
      return Tensor(leaves.map(\.bool), shape: Shape(shape), dtype: dtype, device: device, requiresGrad: requiresGrad)
    case .integer:
      return Tensor(leaves.map(\.int), shape: Shape(shape), dtype: dtype, device: device, requiresGrad: requiresGrad)
    case .floating:
      return Tensor(
        leaves.map(\.double), shape: Shape(shape), dtype: dtype ?? Context.defaultDType, device: device,
        requiresGrad: requiresGrad)
    case .complex:
      return Tensor(
        leaves.map { Complex($0.double, $0.imaginary) }, shape: Shape(shape),
        dtype: dtype ?? Context.defaultDType.complex, device: device, requiresGrad: requiresGrad)
    }
  }
}
