import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// Parameters whose values lie one after the other in one buffer, and whose gradients do in another: a buffer for each
/// dtype and device.
///
///     let flat = FlatParameters(model.parameters())
///     loss.backward()                                    // gradients arrive in the flat buffer
///     flat.groups[0].updateGradients { $0 *= 0.5 }       // all of them at once
///     optimizer.step()                                   // in place, as before
///
/// The parameters stay what they are: state dicts, hooks, tied weights, `load`, `requiresGrad`, optimizers and `compile`
/// go on as before, and tensors that were read keep their values. Who holds a parameter's older value while it changes
/// makes a copy of that parameter necessary; it moves back into the buffer once the older value is released. The first
/// gradient of a parameter is copied into its range, later ones are added there. Gradients with a graph of their own
/// (`createGraph`) stay outside until they are replaced.
///
/// SeeAlso: torch._utils._flatten_dense_tensors, the gradient_as_bucket_view option of
/// torch.nn.parallel.DistributedDataParallel
public final class FlatParameters {
  /// Each parameter begins at a multiple of so many bytes, as memory of its own would; the elements between are zeros.
  public static let alignment = 64

  /// The parameters of one dtype and device, and their buffers.
  public let groups: [FlatGroup]

  /// Moves the values, and the gradients unless `includesGradients` is false, into new buffers, in the order given.
  ///
  /// A parameter that appears twice (tied weights) has one place. Reports an error for parametrized values, whose parts
  /// are the parameters, and for an empty list.
  public init(_ parameters: [ParameterCell], includesGradients: Bool = true) {
    var seen: Set<ObjectIdentifier> = []
    var sorted: [(spec: TensorSpec, parameters: [ParameterCell])] = []
    if parameters.isEmpty { report(OpError("FlatParameters", "got no parameters")) }
    for (i, cell) in parameters.enumerated() where seen.insert(ObjectIdentifier(cell)).inserted {
      if cell.parametrization != nil {
        report(OpError("FlatParameters", "parameter \(i) is parametrized: give its parts, as parameters() does"))
        continue
      }
      let spec = TensorSpec(shape: [], dtype: cell.dtype, device: cell.tensor.device)
      if let k = sorted.firstIndex(where: { $0.spec == spec }) {
        sorted[k].parameters.append(cell)
      } else {
        sorted.append((spec, [cell]))
      }
    }
    groups = sorted.compactMap { spec, cells in
      attempt(nil) { () throws(OpError) -> FlatGroup? in
        try FlatGroup(cells, spec.dtype, spec.device, includesGradients: includesGradients)
      }
    }
  }

  /// The parameters, those of each group together.
  public var parameters: [ParameterCell] { groups.flatMap(\.parameters) }
}

/// The flat values and gradients of the parameters of one dtype and device.
public final class FlatGroup {
  public let parameters: [ParameterCell]
  /// The elements of the flat tensors that belong to each parameter, in row-major order.
  public let ranges: [Range<Int>]
  /// The length of the flat tensors, the zeros between parameters included.
  public let elementCount: Int
  public let dtype: DType
  public let device: Device
  private let shapes: [Shape]
  private var valueRegions: [Region]
  private var gradientRegions: [Region]

  init(
    _ parameters: [ParameterCell], _ dtype: DType, _ device: Device, includesGradients: Bool
  ) throws(OpError) {
    self.parameters = parameters
    self.dtype = dtype
    self.device = device
    shapes = parameters.map(\.shape)
    var end = 0
    var ranges: [Range<Int>] = []
    let step = max(1, FlatParameters.alignment / dtype.byteSize)
    for shape in shapes {
      ranges.append(end..<end + shape.elementCount)
      end = (end + shape.elementCount + step - 1) / step * step
    }
    self.ranges = ranges
    elementCount = end
    (valueRegions, gradientRegions) = ([], [])
    valueRegions = try newRegions()
    gradientRegions = includesGradients ? try newRegions() : []
    for i in parameters.indices {
      parameters[i].settle(in: valueRegions[i], gradient: includesGradients ? gradientRegions[i] : nil)
    }
  }

  private func newRegions() throws(OpError) -> [Region] {
    let memory = try SharedMemory(byteCount: elementCount * dtype.byteSize, device: device, op: "FlatParameters")
    return zip(ranges, shapes).map {
      Region(memory, at: $0.lowerBound * dtype.byteSize, shape: $1, dtype: dtype)
    }
  }

  /// The values of all parameters as one vector. It keeps its values when the parameters change: that makes a copy
  /// necessary then, so hold it no longer than needed.
  public var values: Tensor {
    attempt(.poisoned(spec)) { () throws(OpError) in
      try settleValues()
      return span(valueRegions)
    }
  }

  /// The gradients of all parameters as one vector, zeros for those that have none. It keeps its values, as `values`.
  public var gradients: Tensor {
    attempt(.poisoned(spec)) { () throws(OpError) in
      try settleGradients()
      return span(gradientRegions)
    }
  }

  /// Changes the values of all parameters at once, given as one vector. What `body` changes in place is changed in the
  /// buffer; another vector of the same length is copied into it.
  public func updateValues(_ body: (inout Tensor) -> Void) {
    attempt(()) { () throws(OpError) in
      try settleValues()
      if !parameters.allSatisfy({ $0.holdsValueAlone() }) {
        try moveValues()
        if !parameters.allSatisfy({ $0.holdsValueAlone() }) {
          throw OpError("FlatParameters", "a parameter changed while the values moved: another task uses the model")
        }
      }
      guard let new = try changed(valueRegions, body) else { return }
      if valueRegions[0].memory.isSpanned { try moveValues() }  // `body` kept what it was given
      try span(valueRegions).copyElements(of: new)
    }
  }

  /// Changes the gradients of all parameters at once, given as one vector with zeros for those that have none: these
  /// still have none afterwards. In place, as `updateValues`.
  public func updateGradients(_ body: (inout Tensor) -> Void) {
    attempt(()) { () throws(OpError) in
      try settleGradients()
      if !parameters.allSatisfy({ $0.slot.holdsAlone() }) { try moveGradients() }
      guard let new = try changed(gradientRegions, body) else { return }
      if gradientRegions[0].memory.isSpanned { try moveGradients() }
      try span(gradientRegions).copyElements(of: new)
    }
  }

  private var spec: TensorSpec { TensorSpec(shape: [elementCount], dtype: dtype, device: device) }

  private func span(_ regions: [Region]) -> Tensor {
    regions[0].memory.span(0..<elementCount * dtype.byteSize, shape: [elementCount], dtype: dtype)
  }

  /// Lets `body` change the buffer in place; what it puts in the buffer's stead, nil if nothing.
  private func changed(_ regions: [Region], _ body: (inout Tensor) -> Void) throws(OpError) -> Tensor? {
    var flat = span(regions)
    let place = flat.place
    let lease = flat.body.storage.lease
    lease?.setExclusive(true)
    noGrad { body(&flat) }
    lease?.setExclusive(false)
    if flat.isPoisoned || flat.place == place && flat.spec == spec && flat.isContiguous { return nil }
    guard flat.spec == spec else {
      throw OpError("FlatParameters", "\(flat.spec) does not fit the flat buffer \(spec)")
    }
    return flat
  }

  /// Values that lie elsewhere move into the buffer; into a new one if somebody holds an older value of the present one.
  private func settleValues() throws(OpError) {
    try checkSpecs()
    if !zip(parameters, valueRegions).allSatisfy({ $0.isSettled(in: $1) }) { try moveValues() }
  }

  private func moveValues() throws(OpError) {
    valueRegions = try newRegions()
    for (cell, region) in zip(parameters, valueRegions) { cell.settle(in: region, gradient: nil) }
  }

  private func settleGradients() throws(OpError) {
    guard !gradientRegions.isEmpty else {
      throw OpError("FlatParameters", "has no buffer of gradients: it was made with includesGradients: false")
    }
    try checkSpecs()
    var isSettled = true
    for (cell, region) in zip(parameters, gradientRegions) {
      guard cell.slot.home === region else {
        throw OpError("FlatParameters", "a parameter's gradient was moved into another flat buffer")
      }
      isSettled = cell.slot.settle() && isSettled
    }
    if !isSettled { try moveGradients() }
  }

  private func moveGradients() throws(OpError) {
    gradientRegions = try newRegions()
    for (cell, region) in zip(parameters, gradientRegions) { cell.slot.home = region }
  }

  private func checkSpecs() throws(OpError) {
    for (i, cell) in parameters.enumerated() {
      guard cell.parametrization == nil else {
        throw OpError("FlatParameters", "parameter \(i) of the group was parametrized after it was made flat")
      }
      guard cell.home?.memory === valueRegions[i].memory else {
        throw OpError("FlatParameters", "parameter \(i) of the group was moved into another flat buffer")
      }
      guard valueRegions[i].fits(cell.tensor) else {
        throw OpError(
          "FlatParameters",
          "parameter \(i) of the group is \(cell.tensor.spec) now, and was \(shapes[i]) of \(dtype) "
            + "when it was made flat: make it flat again")
      }
    }
  }
}
