import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  static let distributions: [String: Entry] = [:]
}
