import dev.fovea.engine.image.Picture;
import dev.fovea.engine.nn.AttentionMap.Windows;
import dev.fovea.engine.nn.Tokens;
import dev.fovea.engine.tensor.Tensor;
import java.awt.image.BufferedImage;
import javax.imageio.ImageIO;

/// Draws what one query of an attention layer looks at: the picture is orange where the weights are large, a panel for each head.
///
/// Arguments: MODEL LAYER QUERY OUT.png PICTURE [TEXT or X,Y]. LAYER is a name such as `attentions.4`; QUERY is the index of a
/// token, or `row,column` of a patch, which gets a white frame.
void main(String[] args) throws IOException {
  if (args.length < 5) {
    IO.println("usage: DrawMap MODEL LAYER QUERY OUT.png PICTURE [TEXT or X,Y]");
    System.exit(2);
  }
  try (var pass = new Pass(args[0], List.of(args).subList(4, args.length), args[1])) {
    var map = pass.attention(args[1]);
    Places queries = Places.of(map.queries(), map.windows()), keys = Places.of(map.keys(), map.windows());
    draw(map.weights(), queries, keys, args[2], pass.picture, args[3]);
  }
}

/// A patch of a grid.
record Cell(int row, int col) {}

/// A token's number among those of its map, and the number of the map: a layer with windows has a map for each of them.
record Token(int map, int index) {}

/// Where the tokens of a layer are in the picture: those from `first` on are a grid of patches, which may be cut into windows.
record Places(int first, int rows, int cols, Windows windows) {
  static Places of(Tokens tokens, Windows windows) {
    if (windows != null) return new Places(0, windows.rows(), windows.cols(), windows);
    int first = 0;
    for (var run : tokens.runs()) {
      if (run.kind() == Tokens.Kind.PATCH) return new Places(first, run.rows(), run.cols(), null);
      first += run.count();
    }
    return new Places(first, 0, 0, null);
  }

  Token token(Cell cell) {
    if (windows == null) return new Token(0, first + cell.row * cols + cell.col);
    // The windows of a shifted map begin `shift` rows and columns further on; the last ones go around its border.
    int size = windows.size(), across = Math.ceilDiv(cols, size), down = Math.ceilDiv(rows, size);
    int row = Math.floorMod(cell.row - windows.shift(), down * size);
    int col = Math.floorMod(cell.col - windows.shift(), across * size);
    return new Token(row / size * across + col / size, row % size * size + col % size);
  }
}

void draw(Tensor weights, Places queries, Places keys, String query, Picture picture, String out) throws IOException {
  int heads = weights.dim(1), width = picture.width(), height = picture.height();
  var place = query.split(",");
  var cell = place.length < 2 ? null : new Cell(Integer.parseInt(place[0]), Integer.parseInt(place[1]));
  var asking = cell == null ? new Token(0, Integer.parseInt(query)) : queries.token(cell);
  var image = new BufferedImage(heads * (width + 4) - 4, height, BufferedImage.TYPE_INT_RGB);
  for (int head = 0; head < heads; head++) {
    int left = head * (width + 4);
    float largest = 0;
    for (int key = 0; key < weights.dim(3); key++) largest = Math.max(largest, weights.get(asking.map, head, asking.index, key));
    for (int y = 0; y < height; y++)
      for (int x = 0; x < width; x++) {
        var key = keys.token(new Cell(y * keys.rows / height, x * keys.cols / width));
        float share = key.map == asking.map ? weights.get(key.map, head, asking.index, key.index) / largest : 0;
        image.setRGB(left + x, y, colour(picture, x, y, share));
      }
    if (cell != null)
      image.createGraphics().drawRect(left + cell.col * width / queries.cols, cell.row * height / queries.rows,
          width / queries.cols - 1, height / queries.rows - 1);
    IO.println("head " + head + ": the largest of " + weights.dim(3) + " weights is " + "%.3f".formatted(largest));
  }
  ImageIO.write(image, "png", new File(out));
}

/// The picture's colour: dark where the share is 0, orange where it is 1.
int colour(Picture picture, int x, int y, float share) {
  int[] orange = {255, 150, 0};
  int rgb = 0;
  for (int c = 0; c < 3; c++) {
    float dark = 0.4f * (picture.rgb()[3 * (y * picture.width() + x) + c] & 0xe0);
    rgb = rgb << 8 | Math.round(dark + share * (orange[c] - dark));
  }
  return rgb;
}
