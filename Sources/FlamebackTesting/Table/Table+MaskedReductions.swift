import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  static let maskedReductions: [String: Entry] = [
    "masked.sum": reduction { x, call in x.sum(dim: try call.dims(1), keepDim: try call.keep(), dtype: try call.dtype())
    },
    "masked.prod": reduction { x, call in
      x.prod(dim: try call.dims(1), keepDim: try call.keep(), dtype: try call.dtype())
    },
    "masked.mean": reduction { x, call in
      x.mean(dim: try call.dims(1), keepDim: try call.keep(), dtype: try call.dtype())
    },
    "masked.amax": reduction { x, call in x.amax(dim: try call.dims(1), keepDim: try call.keep()) },
    "masked.amin": reduction { x, call in x.amin(dim: try call.dims(1), keepDim: try call.keep()) },
    "masked.argmax": reduction { x, call in
      x.argmax(dim: try call.optionalInt(1, "dim"), keepDim: try call.keep()).to(x.values.dtype)
    },
    "masked.argmin": reduction { x, call in
      x.argmin(dim: try call.optionalInt(1, "dim"), keepDim: try call.keep()).to(x.values.dtype)
    },
    "masked.var": reduction { x, call in
      x.var(
        dim: try call.dims(1), correction: try call.correction(), keepDim: try call.keep(), dtype: try call.dtype())
    },
    "masked.std": reduction { x, call in
      x.std(
        dim: try call.dims(1), correction: try call.correction(), keepDim: try call.keep(), dtype: try call.dtype())
    },
    "masked.median": reduction { x, call in
      x.median(dim: try call.int(1, "dim", default: -1), keepDim: try call.keep())
    },
    "masked.norm": reduction { x, call in
      x.norm(
        ord: try call.double(1, "ord", default: 2), dim: try call.dims(2), keepDim: try call.keep(),
        dtype: try call.dtype())
    },
    "masked.logsumexp": reduction { x, call in x.logsumexp(dim: try call.dims(1), keepDim: try call.keep()) },
    "masked.cumsum": reduction { x, call in x.cumsum(dim: try call.int(1, "dim"), dtype: try call.dtype()) },
    "masked.cumprod": reduction { x, call in x.cumprod(dim: try call.int(1, "dim"), dtype: try call.dtype()) },
    "masked.softmax": reduction { x, call in x.softmax(dim: try call.int(1, "dim"), dtype: try call.dtype()) },
    "masked.log_softmax": reduction { x, call in x.logSoftmax(dim: try call.int(1, "dim"), dtype: try call.dtype()) },
    "masked.softmin": reduction { x, call in x.softmin(dim: try call.int(1, "dim"), dtype: try call.dtype()) },
    "masked.normalize": reduction { x, call in
      x.normalize(
        ord: try call.double(1, "ord"), dim: try call.int(2, "dim"), eps: try call.double(nil, "eps", default: 1e-12))
    },
    "masked.logaddexp": { call in
      let a = try call.tensor(0, "input").masked(by: try call.optionalTensor(nil, "input_mask"))
      let b = try call.tensor(1, "other").masked(by: try call.optionalTensor(nil, "other_mask"))
      return .tensor(a.logaddexp(b))
    },
  ]

  private static func reduction(_ body: @escaping @Sendable (Masked, Call) throws -> Tensor) -> Entry {
    { call in
      .tensor(try body(try call.tensor(0, "input").masked(by: try call.optionalTensor(nil, "mask")), call))
    }
  }
}

extension Call {
  fileprivate func dims(_ position: Int) throws -> [Int]? { try optionalInts(position, "dim") }
  fileprivate func keep() throws -> Bool { try bool(nil, "keepdim") }
  fileprivate func correction() throws -> Double {
    let unbiased = try optionalBool(nil, "unbiased")
    return try optionalDouble(nil, "correction") ?? (unbiased == false ? 0 : 1)
  }
}
