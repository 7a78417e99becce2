import CKernels
import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// How many elements lie in each of `bins` equal intervals between `min` and `max`; equal bounds mean those of the
  /// elements. Elements outside do not count. SeeAlso: torch.histc
  public func histc(bins: Int = 100, min: Double = 0, max: Double = 0) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      guard dtype.isFloatingPoint else { throw OpError("histc", "expects a floating point tensor, got \(spec)") }
      guard bins > 0 else { throw OpError("histc", "bins must be positive, got \(bins)") }
      var (low, high) = (min, max)
      if low == high, elementCount > 0 { (low, high) = bounds }
      if low == high { (low, high) = (low - 1, high + 1) }
      guard low.isFinite, high.isFinite else { throw OpError("histc", "the range [\(low), \(high)] is not finite") }
      guard low < high else { throw OpError("histc", "max must be larger than min: \(low), \(high)") }
      return apply(Primitives.Histogram(bins: bins, range: (low, high)), [withoutHistory])[0]
    }
  }

  /// Counts, or sums of weights, in the intervals between ascending edges. `density` makes the area 1.
  /// SeeAlso: torch.histogram
  public func histogram(edges: Tensor, weight: Tensor? = nil, density: Bool = false) -> (hist: Tensor, edges: Tensor) {
    let results = attempt(like: self, count: 2) { () throws(OpError) in
      guard dtype == .float32 || dtype == .float64, edges.dtype == dtype else {
        throw OpError("histogram", "expects a tensor and edges of one floating point dtype: \(spec) × \(edges.spec)")
      }
      guard edges.rank == 1, edges.elementCount > 0 else {
        throw OpError("histogram", "edges must be a vector with elements, got \(edges.spec)")
      }
      if let weight, weight.shape != shape || weight.dtype != dtype {
        throw OpError("histogram", "weights must have shape and dtype of the tensor: \(spec) × \(weight.spec)")
      }
      let inputs = [withoutHistory, edges.withoutHistory] + (weight.map { [$0.withoutHistory] } ?? [])
      var hist = apply(Primitives.Histogram(bins: edges.elementCount - 1, range: nil), inputs)[0]
      if density {
        let widths = edges.sliced(0, 1, edges.elementCount - 1, 1) - edges.sliced(0, 0, edges.elementCount - 1, 1)
        hist = hist / (hist.summed(to: []) * widths)
      }
      return [hist, edges]
    }
    return (results[0], results[1])
  }

  /// `histogram` over `bins` equal intervals of `range`, by default that of the elements. SeeAlso: torch.histogram
  public func histogram(
    _ bins: Int, range: (Double, Double)? = nil, weight: Tensor? = nil, density: Bool = false
  ) -> (hist: Tensor, edges: Tensor) {
    guard bins > 0, bins < Int.max else {
      let stand = fail("histogram", "bins must be positive, got \(bins)", like: spec)
      return (stand, stand)
    }
    var (low, high) = range ?? (elementCount > 0 ? bounds : (0, 1))
    guard low.isFinite, high.isFinite, low <= high else {
      let stand = fail("histogram", "the range [\(low), \(high)] is not finite or not ascending", like: spec)
      return (stand, stand)
    }
    if low == high { (low, high) = (low - 0.5, high + 0.5) }
    let edges = Tensor.linspace(low, high, bins + 1, dtype: dtype, device: device)
    return histogram(edges: edges, weight: weight, density: density)
  }

  /// The least and the greatest element, NaN if there is one.
  private var bounds: (Double, Double) {
    let values = withoutHistory.scalars(Double.self)
    if values.contains(where: \.isNaN) { return (.nan, .nan) }
    return (values.min() ?? 0, values.max() ?? 0)
  }
}

extension Primitives {
  /// Counts in intervals: equal ones of a range, or those between edges. Inputs: elements, edges, weights.
  package struct Histogram: Primitive {
    package static let name = "histogram"
    package let bins: Int
    package let range: (Double, Double)?

    package var attributes: [(String, String)] { [("bins", "\(bins)")] }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      [TensorSpec(shape: [bins], dtype: inputs[0].dtype, device: inputs[0].device)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let x = inputs[0]
      if let range {
        fb_histc(x.code, x.pointer, Int64(x.elementCount), nil, range.0, range.1, Int64(bins), outputs[0].pointer)
      } else {
        fb_histogram(
          x.code, x.pointer, Int64(x.elementCount), inputs.count > 2 ? UnsafeRawPointer(inputs[2].pointer) : nil,
          inputs[1].pointer, Int64(bins), outputs[0].pointer)
      }
    }

    package var gradient: Gradient { .none(because: "counts do not vary smoothly") }
  }
}
