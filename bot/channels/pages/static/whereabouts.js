// Where the resident is, asked only when the resident taps for it.

const TIMEOUT_MS = 15_000;
const PLACES = 1e6;

/** {lat, lon} in WGS-84 degrees. Throws an Error whose message is the page word to show. */
export function whereabouts() {
  return new Promise((resolve, reject) => {
    // Browsers hide geolocation from pages that are not https.
    if (!navigator.geolocation || !window.isSecureContext) {
      reject(new Error("place_failed"));
      return;
    }
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => resolve({
        lat: Math.round(coords.latitude * PLACES) / PLACES,
        lon: Math.round(coords.longitude * PLACES) / PLACES,
      }),
      (error) => reject(new Error(error.code === error.PERMISSION_DENIED ? "place_refused" : "place_failed")),
      { enableHighAccuracy: true, timeout: TIMEOUT_MS, maximumAge: 60_000 },
    );
  });
}
