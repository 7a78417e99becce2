import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  static let indexing: [String: Entry] = placed.merging(masked) { first, _ in first }
    .merging(expressions) { first, _ in first }
    .merging(ordered) { first, _ in first }

  private static let ordered: [String: Entry] = [
    "sort": { call in
      let (dim, descending) = try sortArguments(call)
      let sorted = try call.tensor(0, "input").sort(dim: dim, descending: descending, stable: try stable(call))
      return .tensors(sorted.values, sorted.indices, fields: ["values", "indices"])
    },
    "argsort": { call in
      let (dim, descending) = try sortArguments(call)
      return .tensor(
        try call.tensor(0, "input").argsort(dim: dim, descending: descending, stable: try stable(call)))
    },
    "msort": unary { $0.msort() },
    "topk": { call in
      let top = try call.tensor(0, "input").topk(
        try call.int(1, "k"), dim: try call.int(2, "dim", default: -1),
        largest: try call.bool(3, "largest", default: true),
        sorted: try call.bool(4, "sorted", default: true))
      return .tensors(top.values, top.indices, fields: ["values", "indices"])
    },
    "kthvalue": { call in
      let found = try call.tensor(0, "input").kthvalue(
        try call.int(1, "k"), dim: try call.int(2, "dim", default: -1), keepDim: try call.bool(3, "keepdim"))
      return .tensors(found.values, found.indices, fields: ["values", "indices"])
    },
    "unique": { call in
      _ = try call.bool(1, "sorted", default: true)
      let (inverse, counts) = (try call.bool(2, "return_inverse"), try call.bool(3, "return_counts"))
      return distinct(
        try call.tensor(0, "input").uniqueWithCounts(dim: try call.optionalInt(4, "dim")), inverse, counts)
    },
    "unique_consecutive": { call in
      let (inverse, counts) = (try call.bool(1, "return_inverse"), try call.bool(2, "return_counts"))
      return distinct(
        try call.tensor(0, "input").uniqueConsecutiveWithCounts(dim: try call.optionalInt(3, "dim")), inverse, counts)
    },
    "searchsorted": { call in
      let side = try call.optionalString(nil, "side")
      let right = try call.bool(nil, "right")
      guard side == nil || side == "right" || !right else { throw CallError("side and right contradict each other") }
      let sorted = try call.tensor(0, "sorted_sequence")
      let outInt32 = try call.bool(nil, "out_int32")
      let sorter = try call.optionalTensor(nil, "sorter")
      let values =
        call.isTensor(1, "input")
        ? try call.tensor(1, "input") : Tensor.scalar(try call.scalar(1, "input"), dtype: sorted.dtype)
      return .tensor(sorted.searchsorted(values, outInt32: outInt32, right: right || side == "right", sorter: sorter))
    },
    "bucketize": { call in
      let boundaries = try call.tensor(1, "boundaries")
      let values =
        call.isTensor(0, "input")
        ? try call.tensor(0, "input") : Tensor.scalar(try call.scalar(0, "input"), dtype: boundaries.dtype)
      return .tensor(
        values.bucketize(boundaries, outInt32: try call.bool(nil, "out_int32"), right: try call.bool(nil, "right")))
    },
    "isin": { call in
      _ = try call.bool(nil, "assume_unique")
      let invert = try call.bool(nil, "invert")
      let tests = try call.operand(1, "test_elements")
      let elements = try call.operand(0, "elements")
      func asTensor(_ operand: Operand) -> Tensor {
        switch operand {
        case .tensor(let tensor): tensor
        case .scalar(let scalar): Tensor.scalar(scalar)
        }
      }
      return .tensor(asTensor(elements).isIn(asTensor(tests), invert: invert))
    },
    "bincount": { call in
      .tensor(
        try call.tensor(0, "input").bincount(
          weights: try call.optionalTensor(1, "weights"), minLength: try call.int(2, "minlength", default: 0)))
    },
    "histc": { call in
      .tensor(
        try call.tensor(0, "input").histc(
          bins: try call.int(1, "bins", default: 100), min: try call.double(2, "min", default: 0),
          max: try call.double(3, "max", default: 0)))
    },
    "histogram": { call in
      let x = try call.tensor(0, "input")
      let weight = try call.optionalTensor(nil, "weight")
      let density = try call.bool(nil, "density")
      let range = try call.optionalDoubles(nil, "range").map { ($0[0], $0[1]) }
      let found =
        call.isTensor(1, "bins")
        ? x.histogram(edges: try call.tensor(1, "bins"), weight: weight, density: density)
        : x.histogram(try call.int(1, "bins"), range: range, weight: weight, density: density)
      return .tensors(found.hist, found.edges, fields: ["hist", "bin_edges"])
    },
    "histogramdd": { call in
      let x = try call.tensor(0, "input")
      let weight = try call.optionalTensor(nil, "weight")
      let density = try call.bool(nil, "density")
      let bounds = try call.optionalDoubles(nil, "range")
      let found: (hist: Tensor, edges: [Tensor])
      if let edges = try? call.optionalTensors(1, "bins") {
        found = x.histogramdd(edges: edges, weight: weight, density: density)
      } else {
        var bins = try call.ints(1, "bins")
        if bins.count == 1, !call.isSequence(1, "bins"), x.rank > 0 {
          bins = Array(repeating: bins[0], count: x.shape[x.rank - 1])
        }
        let ranges = bounds.map { b in stride(from: 0, to: b.count - 1, by: 2).map { (b[$0], b[$0 + 1]) } }
        found = x.histogramdd(bins: bins, ranges: ranges, weight: weight, density: density)
      }
      return .tuple([.tensor(found.hist), .tensors(found.edges)], fields: ["hist", "bin_edges"])
    },
    "unravel_index": { call in
      .tensors(try call.tensor(0, "indices").unravelIndex(try call.ints(1, "shape")))
    },
    "nn.functional.one_hot": { call in
      .tensor(try call.tensor(0, "tensor").oneHot(numClasses: try call.int(1, "num_classes", default: -1)))
    },
    "nn.functional.embedding": { call in
      _ = try call.bool(6, "sparse")
      let index = try call.tensor(0, "input")
      var weight = try call.tensor(1, "weight")
      let normType = try call.double(4, "norm_type", default: 2)
      if let maxNorm = try call.optionalDouble(3, "max_norm") {
        let slot = weight.requiresGrad
        let renormed = weight.renormalizingRows(index, maxNorm: maxNorm, normType: normType)
        try call.mutate(1, "weight", to: renormed)
        if !slot { weight = renormed }
      }
      return .tensor(
        index.embedding(
          weight, paddingIdx: try call.optionalInt(2, "padding_idx"),
          scaleGradByFreq: try call.bool(5, "scale_grad_by_freq")))
    },
    "nn.functional.embedding_bag": { call in
      _ = try call.bool(7, "sparse")
      _ = try call.double(4, "norm_type", default: 2)
      _ = try call.optionalDouble(3, "max_norm")
      guard let mode = BagMode(rawValue: try call.string(6, "mode", default: "mean")) else {
        throw CallError("mode must be sum, mean or max")
      }
      return .tensor(
        try call.tensor(0, "input").embeddingBag(
          try call.tensor(1, "weight"), offsets: try call.optionalTensor(2, "offsets"),
          scaleGradByFreq: try call.bool(5, "scale_grad_by_freq"), mode: mode,
          perSampleWeights: try call.optionalTensor(8, "per_sample_weights"),
          includeLastOffset: try call.bool(9, "include_last_offset"),
          paddingIdx: try call.optionalInt(10, "padding_idx")))
    },
  ]

  private static func sortArguments(_ call: Call) throws -> (Int, Bool) {
    (try call.int(1, "dim", default: -1), try call.bool(2, "descending"))
  }

  private static func stable(_ call: Call) throws -> Bool { try call.bool(nil, "stable") }

  private static func distinct(_ found: Tensor.Distinct, _ inverse: Bool, _ counts: Bool) -> Value {
    if !inverse && !counts { return .tensor(found.values) }
    return .tensors([found.values] + (inverse ? [found.inverse] : []) + (counts ? [found.counts] : []))
  }

  private static let expressions: [String: Entry] = [
    "Tensor.__getitem__": { call in
      guard let index = try call.given(1, "indices") else { throw CallError("__getitem__ needs an index") }
      return .tensor(try call.tensor(0, "input").indexed(by: try entries(index)))
    },
    "Tensor.__setitem__": { call in
      guard let index = try call.given(1, "indices") else { throw CallError("__setitem__ needs an index") }
      var x = try call.tensor(0, "input")
      if call.isTensor(2, "value") {
        x.assign(try call.tensor(2, "value"), at: try entries(index))
      } else {
        x.assign(try call.scalar(2, "value"), at: try entries(index))
      }
      return .tensor(x)
    },
    "index_put": indexPut, "_unsafe_index_put": indexPut,
    "_unsafe_index": { call in
      .tensor(try call.tensor(0, "input").index(try optionalTensors(call, 1)))
    },
  ]

  private static func indexPut(_ call: Call) throws -> Value {
    .tensor(
      try call.tensor(0, "input").indexPut(
        try optionalTensors(call, 1), try call.tensor(2, "values"), accumulate: try call.bool(3, "accumulate")))
  }

  private static func optionalTensors(_ call: Call, _ position: Int) throws -> [Tensor?] {
    guard let items = try call.value(position, "indices")?.items else { throw CallError("indices must be a sequence") }
    return items.map(\.tensor)
  }

  /// The entries of an index expression: those of a tuple, or the only one.
  private static func entries(_ value: Value) throws -> [any TensorIndex] {
    if case .tuple(let items, _) = value { return try items.map(entry) }
    return [try entry(value)]
  }

  private static func entry(_ value: Value) throws -> IndexItem {
    switch value {
    case .int(let index): return .at(index)
    case .bool(let bool): return .bool(bool)
    case .slice(let start, let end, let step): return .range(start, end, step: step ?? 1)
    case .none: return .axis
    case .ellipsis: return .rest
    case .tensor(let tensor): return .tensor(tensor)
    case .list(let items):
      let numbers = items.compactMap { if case .int(let number) = $0 { number } else { nil } }
      guard numbers.count == items.count else { throw CallError("an index list must hold integers") }
      return .tensor(Tensor(numbers, shape: [numbers.count]))
    default: throw CallError("\(value.kind) is no index")
    }
  }

  private static let placed: [String: Entry] = [
    "gather": { call in
      _ = try call.bool(nil, "sparse_grad")
      return .tensor(
        try call.tensor(0, "input").gather(dim: try call.int(1, "dim"), index: try call.tensor(2, "index")))
    },
    "take_along_dim": { call in
      .tensor(
        try call.tensor(0, "input").takeAlongDim(try call.tensor(1, "indices"), dim: try call.optionalInt(2, "dim")))
    },
    "scatter": { call in
      let x = try call.tensor(0, "input")
      let (dim, index) = (try call.int(1, "dim"), try call.tensor(2, "index"))
      let reduction = try reduction(call, nil)
      let name = call.has(nil, "value") ? "value" : "src"
      switch (call.isTensor(3, name), reduction) {
      case (true, nil): return .tensor(x.scatter(dim: dim, index: index, src: try call.tensor(3, name)))
      case (true, let reduce?):
        return .tensor(x.scatter(dim: dim, index: index, src: try call.tensor(3, name), reduce: reduce))
      case (false, nil): return .tensor(x.scatter(dim: dim, index: index, value: try call.scalar(3, name)))
      case (false, let reduce?):
        return .tensor(x.scatter(dim: dim, index: index, value: try call.scalar(3, name), reduce: reduce))
      }
    },
    "scatter_add": { call in
      .tensor(
        try call.tensor(0, "input").scatterAdd(
          dim: try call.int(1, "dim"), index: try call.tensor(2, "index"), src: try call.tensor(3, "src")))
    },
    "scatter_reduce": { call in
      guard let reduce = try reduction(call, 4) else { throw CallError("scatter_reduce() needs reduce") }
      return .tensor(
        try call.tensor(0, "input").scatterReduce(
          dim: try call.int(1, "dim"), index: try call.tensor(2, "index"), src: try call.tensor(3, "src"),
          reduce: reduce, includeSelf: try call.bool(nil, "include_self", default: true)))
    },
    "index_select": { call in
      .tensor(try call.tensor(0, "input").indexSelect(dim: try call.int(1, "dim"), index: try call.tensor(2, "index")))
    },
    "index_add": { call in
      .tensor(
        try call.tensor(0, "input").indexAdd(
          dim: try call.int(1, "dim"), index: try call.tensor(2, "index"), source: try call.tensor(3, "source"),
          alpha: try call.scalar(nil, "alpha", default: 1)))
    },
    "index_copy": { call in
      .tensor(
        try call.tensor(0, "input").indexCopy(
          dim: try call.int(1, "dim"), index: try call.tensor(2, "index"), source: try call.tensor(3, "source")))
    },
    "index_reduce": { call in
      guard let reduce = try reduction(call, 4) else { throw CallError("index_reduce() needs reduce") }
      return .tensor(
        try call.tensor(0, "input").indexReduce(
          dim: try call.int(1, "dim"), index: try call.tensor(2, "index"), source: try call.tensor(3, "source"),
          reduce: reduce, includeSelf: try call.bool(nil, "include_self", default: true)))
    },
    "index_fill": { call in
      let x = try call.tensor(0, "input")
      let (dim, index) = (try call.int(1, "dim"), try call.tensor(2, "index"))
      if call.isTensor(3, "value") {
        return .tensor(x.indexFill(dim: dim, index: index, value: try call.tensor(3, "value")))
      }
      return .tensor(x.indexFill(dim: dim, index: index, value: try call.scalar(3, "value")))
    },
    "take": { call in .tensor(try call.tensor(0, "input").take(try call.tensor(1, "index"))) },
    "put": { call in
      .tensor(
        try call.tensor(0, "input").put(
          try call.tensor(1, "index"), try call.tensor(2, "source"), accumulate: try call.bool(3, "accumulate")))
    },
  ]

  private static let masked: [String: Entry] = [
    "masked_fill": { call in
      .tensor(try call.tensor(0, "input").maskedFill(try call.tensor(1, "mask"), try call.operand(2, "value")))
    },
    "masked_select": { call in .tensor(try call.tensor(0, "input").maskedSelect(try call.tensor(1, "mask"))) },
    "masked_scatter": { call in
      .tensor(try call.tensor(0, "input").maskedScatter(try call.tensor(1, "mask"), try call.tensor(2, "source")))
    },
    "nonzero": { call in
      let x = try call.tensor(0, "input")
      return try call.bool(nil, "as_tuple") ? .tensors(x.nonzeroAsTuple()) : .tensor(x.nonzero())
    },
    "nonzero_static": { call in
      .tensor(
        try call.tensor(0, "input").nonzeroStatic(
          size: try call.int(nil, "size"), fillValue: try call.int(nil, "fill_value", default: -1)))
    },
    "argwhere": unary { $0.argwhere() },
    "where": { call in
      let condition = try call.tensor(0, "condition")
      guard call.has(1, "input") else { return .tensors(condition.nonzeroAsTuple()) }
      return .tensor(select(where: condition, try call.operand(1, "input"), try call.operand(2, "other")))
    },
    "Tensor.where": { call in
      .tensor(
        select(where: try call.tensor(1, "condition"), try call.tensor(0, "input"), try call.operand(2, "other")))
    },
  ]

  private static func reduction(_ call: Call, _ position: Int?) throws -> ScatterReduction? {
    guard let name = try call.optionalString(position, "reduce") else { return nil }
    let word = ["add": "sum", "multiply": "prod"][name] ?? name
    guard let reduction = ScatterReduction(rawValue: word) else { throw CallError("unknown reduction '\(name)'") }
    return reduction
  }
}
