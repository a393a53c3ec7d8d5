//! Where a tile is and what it is called: the geometry and paths of C2SP tlog-tiles.

/// Hashes in a full tile.
pub const TILE_WIDTH: u64 = 256;

/// Tree levels one tile spans: 2^8 = 256.
pub const TILE_HEIGHT: u8 = 8;

/// Levels of tiles that a tree with a 64-bit size can have.
pub(crate) const LEVELS_MAX: u8 = 8;

/// Highest level the path form allows.
const PATH_LEVEL_MAX: u8 = 63;

/// The `number`-th tile of a level, both from 0. Its hashes are the roots of subtrees of 256^`level` leaves.
///
/// Ordered by level, then number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// 0 for tiles of leaf hashes.
    pub level: u8,
    /// Position in the level, from the left.
    pub number: u64,
}

impl TileId {
    /// The path of the tile when it holds `width` hashes: `tile/0/x001/x234/067`, and with `.p/<width>` behind it
    /// when it is not full.
    ///
    /// # Panics
    /// When `width` is not 1 to 256: such a tile does not exist.
    pub fn path(&self, width: u16) -> String {
        assert!((1..=TILE_WIDTH as u16).contains(&width), "a tile holds 1 to 256 hashes, not {width}");
        let mut number = format!("{:03}", self.number % 1000);
        let mut rest = self.number / 1000;
        while rest > 0 {
            number.insert_str(0, &format!("x{:03}/", rest % 1000));
            rest /= 1000;
        }
        let suffix = if u64::from(width) == TILE_WIDTH { String::new() } else { format!(".p/{width}") };
        format!("tile/{}/{number}{suffix}", self.level)
    }

    /// Reads a path as [`TileId::path`] writes it, giving the tile and its width; every other spelling is `None`.
    pub fn parse_path(path: &str) -> Option<(Self, u16)> {
        let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let level: u8 = level.parse().ok().filter(|level| *level <= PATH_LEVEL_MAX)?;
        let (digits, width) = match rest.split_once(".p/") {
            Some((digits, width)) => (digits, width.parse().ok().filter(|width| (1..=255).contains(width))?),
            None => (rest, TILE_WIDTH as u16),
        };
        let mut number: u64 = 0;
        for element in digits.split('/') {
            let thousand: u16 = element.trim_start_matches('x').parse().ok()?;
            number = number.checked_mul(1000)?.checked_add(u64::from(thousand))?;
        }
        // Signs, leading zeros and misplaced `x` all end here: only what would be written is read.
        let tile = Self { level, number };
        (tile.path(width) == path).then_some((tile, width))
    }

    /// Hashes this tile has in a tree of `size` leaves: 0 to 256.
    pub(crate) fn width_at(&self, size: u64) -> u64 {
        hashes_at(self.level, size).saturating_sub(self.number.saturating_mul(TILE_WIDTH)).min(TILE_WIDTH)
    }
}

/// Hashes that all tiles of `level` hold together in a tree of `size` leaves.
pub(crate) fn hashes_at(level: u8, size: u64) -> u64 {
    size.checked_shr(u32::from(level) * u32::from(TILE_HEIGHT)).unwrap_or(0)
}

/// All tiles a tlog-tiles log of `size` leaves serves, each with its width of 1 to 256, by level and number. At each
/// level the last one may be partial.
pub fn tiles_for_size(size: u64) -> impl Iterator<Item = (TileId, u16)> {
    (0..LEVELS_MAX).flat_map(move |level| {
        (0..hashes_at(level, size).div_ceil(TILE_WIDTH)).map(move |number| {
            let tile = TileId { level, number };
            (tile, tile.width_at(size) as u16)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_tlog_tiles() {
        for (level, number, width, path) in [
            (0, 0, 256, "tile/0/000"),
            (0, 999, 256, "tile/0/999"),
            (0, 1000, 256, "tile/0/x001/000"),
            (0, 1_234_067, 256, "tile/0/x001/x234/067"),
            (2, 1_234_067, 12, "tile/2/x001/x234/067.p/12"),
            (63, u64::MAX, 255, "tile/63/x018/x446/x744/x073/x709/x551/615.p/255"),
        ] {
            let tile = TileId { level, number };
            assert_eq!(tile.path(width), path);
            assert_eq!(TileId::parse_path(path), Some((tile, width)));
        }
    }

    #[test]
    fn other_spellings_of_a_path_are_refused() {
        for path in [
            "",
            "tile/0",
            "tile/0/",
            "tile/00/000",
            "tile/+1/000",
            "tile/64/000",
            "tile/-1/000",
            "tile/0/0",
            "tile/0/0000",
            "tile/0/x000/000",
            "tile/0/001/000",
            "tile/0/x001",
            "tile/0/xx001/000",
            "tile/0/+01",
            "tile/0/000/",
            "tile/0//000",
            "/tile/0/000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/012",
            "tile/0/000.p/+1",
            "tile/0/000.p/",
            "tile/0/000.p/1/2",
            "tile/0/000.p/1.p/1",
            "tile/0/x018/x446/x744/x073/x709/x551/616",
            "tile/entries/000",
        ] {
            assert_eq!(TileId::parse_path(path), None, "{path:?}");
        }
    }

    #[test]
    fn a_log_serves_the_tiles_the_specification_lists() {
        let by_level = |size, level| {
            tiles_for_size(size)
                .filter(|(tile, _)| tile.level == level)
                .map(|(_, width)| width)
                .collect::<Vec<_>>()
        };
        let mut leaves = vec![256; 273];
        leaves.push(112);
        assert_eq!(by_level(70_000, 0), leaves);
        assert_eq!(by_level(70_000, 1), [256, 17]);
        assert_eq!(by_level(70_000, 2), [1]);
        assert_eq!(by_level(70_000, 3), []);
        assert_eq!(tiles_for_size(0).count(), 0);
        let full = [(TileId { level: 0, number: 0 }, 256), (TileId { level: 1, number: 0 }, 1)];
        assert_eq!(tiles_for_size(256).collect::<Vec<_>>(), full);
    }
}
